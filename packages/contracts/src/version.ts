/** Version of the contracts: the major part is the `v1` of the package names, the minor part counts additions. */
export const contractVersion = "1.0";
