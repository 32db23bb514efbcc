const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

export const runsPlatformatic = major > 22 || (major === 22 && minor >= 22)

/** The title of the one test that stands for a file here. */
export const platformaticSkip =
  '@platformatic/kafka needs Node.js 22.22: test-matrix/conformance/other-node runs this file on 24'
