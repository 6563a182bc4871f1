// Where calibration text comes from: given documents, or the model itself.

import ESparseFormats
package import ESparseTokenizers

/// Where calibration tokens come from.
package enum CalibrationSource {
    /// The model itself.
    case model
    /// Given documents.
    case documents([String])

    /// Stands for the text when a run is resumed.
    package var digest: String {
        switch self {
        case .model: "self"
        case .documents(let documents): InputDigest.of(Array(documents.joined(separator: "\0").utf8))
        }
    }
}

/// A source, and what turns it into tokens.
package struct CalibrationText {
    /// Lets the model write documents of more than this many tokens in all, from this seed.
    package typealias Writer = (_ tokenCount: Int, _ seed: UInt64) throws -> [[Int32]]

    /// Where the text comes from.
    package let source: CalibrationSource
    private let tokenizer: Tokenizer
    private let separator: Int32?
    private let write: Writer

    /// Takes a source; `separator` is the token that stands between documents, `write` is used where the model itself is the source.
    package init(_ source: CalibrationSource, tokenizer: Tokenizer, separator: Int32?, write: @escaping Writer) {
        self.source = source
        self.tokenizer = tokenizer
        self.separator = separator
        self.write = write
    }

    /// The calibration set of a run.
    ///
    /// - Throws: `CalibrationError`; what the writer throws.
    package func sequences(for settings: PruningSettings) throws -> CalibrationSet {
        try CalibrationSet(
            documents: documents(tokenCount: settings.sampleCount * settings.sequenceLength, seed: settings.seed),
            separator: separator, sampleCount: settings.sampleCount, sequenceLength: settings.sequenceLength,
            seed: settings.seed)
    }

    /// Sequences that the calibration set of the same settings does not read. The model writes them with the next seed.
    ///
    /// - Throws: `CalibrationError`; what the writer throws.
    package func heldOut(_ count: Int, for settings: PruningSettings) throws -> CalibrationSet {
        if case .model = source {
            var settings = settings
            settings.sampleCount = count
            settings.seed &+= 1
            return try sequences(for: settings)
        }
        return try CalibrationSet.heldOut(
            count, documents: documents(tokenCount: 0, seed: settings.seed), separator: separator,
            sampleCount: settings.sampleCount, sequenceLength: settings.sequenceLength, seed: settings.seed)
    }

    private func documents(tokenCount: Int, seed: UInt64) throws -> [[Int32]] {
        switch source {
        case .documents(let documents): documents.map { tokenizer.encode($0, addSpecialTokens: false) }
        case .model: try write(tokenCount, seed)
        }
    }
}
