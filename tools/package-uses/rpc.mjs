import { simulatorV1 } from "@qtune/contracts";
import { createChannel, createServer, hostService } from "@qtune/rpc";

const server = await createServer({
  services: [hostService(simulatorV1.SimulatorServiceService, {})],
});
const channel = createChannel({ target: server.address });
await channel.waitForReady(5000);
channel.close();
await server.close();
console.log("ok");
