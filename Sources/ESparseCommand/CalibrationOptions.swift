// Options of `esparse prune` that say what it calibrates on, and where that text comes from.

import ArgumentParser
import ESparseCore
import ESparseFormats
import ESparseModels
import ESparsePruning
import ESparseReport
import ESparseTokenizers

struct CalibrationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Calibration text: .txt or .jsonl (field text), either also as .gz; or self.",
            discussion: "With self the model writes its own text, sampling from its BOS token.", valueName: "file|self")
    )
    var calibration: String = "self"

    @Option(help: ArgumentHelp("Calibration sequences.", valueName: "n"))
    var samples: Int = 128

    @Option(help: ArgumentHelp("Tokens of a calibration sequence.", valueName: "n"))
    var sequenceLength: Int = 2048

    @Option(help: ArgumentHelp("Seed of every random choice.", valueName: "n"))
    var seed: UInt64 = 0

    @Option(
        help: ArgumentHelp(
            "Also write the calibration tokens here, as 32-bit little-endian integers.", valueName: "file"))
    var saveCalibration: String?

    func validate() throws {
        guard (1...1_000_000).contains(samples) else { throw ValidationError("--samples must be from 1 to 1000000") }
        guard (2...1_000_000).contains(sequenceLength) else {
            throw ValidationError("--sequence-length must be from 2 to 1000000")
        }
        if let saveCalibration { try requireWritable(saveCalibration, option: "--save-calibration") }
    }

    /// Reads the text, where there is one.
    func source() throws -> CalibrationSource {
        if calibration == "self" { return .model }
        return .documents(try Signals.endingAtOnce { try TextFile.documents(calibration) })
    }
}

/// Where calibration tokens come from.
enum CalibrationSource {
    /// The model itself.
    case model
    /// Given documents.
    case documents([String])

    /// Stands for the text when a run is resumed.
    var digest: String {
        switch self {
        case .model: "self"
        case .documents(let documents): InputDigest.of(Array(documents.joined(separator: "\0").utf8))
        }
    }

    /// Makes the calibration set.
    func sequences(
        for opened: OpenedModel, sampleCount: Int, sequenceLength: Int, seed: UInt64, progress: TerminalProgress
    ) throws -> CalibrationSet {
        switch self {
        case .documents(let documents):
            let tokens = documents.map { opened.tokenizer.encode($0, addSpecialTokens: false) }
            return try CalibrationSet(
                documents: tokens, separator: opened.endToken, sampleCount: sampleCount,
                sequenceLength: sequenceLength, seed: seed)
        case .model:
            let settings = GenerationSettings(
                sampling: try SamplingSettings(temperature: 1), seed: seed,
                stopTokens: Set(opened.architecture.endTokens))
            let documents = try Generator(model: opened.load(progress: progress), settings: settings)
                .sampleDocuments(
                    tokenCount: sampleCount * sequenceLength, isSeparated: opened.endToken != nil,
                    maximumLength: sequenceLength,
                    batchSize: opened.architecture.cacheDescription(
                        sequenceCount: 1, capacity: sequenceLength
                    ).sideBySideCount,
                    progress: progress)
            return try CalibrationSet(
                documents: documents, separator: opened.endToken, sampleCount: sampleCount,
                sequenceLength: sequenceLength, seed: seed)
        }
    }
}
