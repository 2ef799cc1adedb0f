/** The SDK's version; a test holds it equal to the package's. */
export const SDK_VERSION = '0.1.0';
