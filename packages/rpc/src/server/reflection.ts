import { ReflectionService } from "@grpc/reflection";
import { fileDescriptorSetBase64 } from "@qtune/contracts";

/** Creates the reflection service for some of our services. Message types of all contracts can be looked up. */
export function createReflection(services: readonly string[]): ReflectionService {
  const fileDescriptorProtos = splitDescriptorSet(Buffer.from(fileDescriptorSetBase64, "base64"));
  // The reflection service reads the file descriptors of each entry and nothing else.
  const entry = {
    format: "Protocol Buffer 3 DescriptorProto",
    type: {},
    fileDescriptorProtos,
  } as const;
  const definition = { qtune: entry } as unknown as ConstructorParameters<
    typeof ReflectionService
  >[0];
  return new ReflectionService(definition, { services: [...services] });
}

/** Returns the files of a FileDescriptorSet, still encoded: it is a list of length-delimited fields with number 1. */
function splitDescriptorSet(bytes: Buffer): Buffer[] {
  const files: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    at += 1; // the tag, always 0x0a
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes.readUInt8(at++);
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    files.push(bytes.subarray(at, at + length));
    at += length;
  }
  return files;
}
