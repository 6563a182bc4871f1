// What `esparse prune --json` says: the manifest, and what the run itself took.

import ESparseCPU
public import ESparseFormats

/// The manifest of a pruned checkpoint with the time and memory of the process that made it.
///
/// A resumed run reports only what it did itself.
public struct PruningReport: Sendable, Encodable {
    private let manifest: SparseManifest
    private let seconds: [String: Double]
    private let peakResidentBytes: Int

    /// Takes this process's peak memory as the run's.
    public init(manifest: SparseManifest, times: PruningTimes) {
        self.manifest = manifest
        seconds = times.seconds
        peakResidentBytes = Processor.peakResidentBytes
    }

    private enum CodingKeys: String, CodingKey {
        case seconds
        case peakResidentBytes = "peak_resident_bytes"
    }

    /// The manifest's keys and two more.
    public func encode(to encoder: any Encoder) throws {
        try manifest.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(seconds, forKey: .seconds)
        try container.encode(peakResidentBytes, forKey: .peakResidentBytes)
    }
}
