/**
 * Says in one line what is wrong when the running Node is too old. Imported first by every script: pnpm puts a Node 24
 * from the npm registry on the PATH of scripts where one exists for the platform (optionalDependencies).
 */
const needed = 24;
if (Number(process.versions.node.split(".")[0]) < needed) {
  process.stderr.write(
    `QTune needs Node ${needed} or newer but runs on ${process.version} (${process.platform}-${process.arch}), and no bundled Node exists for this platform: install Node ${needed}, then run the command again.\n`,
  );
  process.exit(2);
}
