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
            "Calibration text: .txt or .jsonl (field text), either also as .gz; or self, the default.",
            discussion: """
                With self the whole model is loaded and writes samples x sequence-length tokens, sampling from its BOS \
                token: slow for large models.
                """, valueName: "file|self")
    )
    var calibration: String?

    @Option(help: ArgumentHelp("Calibration sequences; 128 where not given.", valueName: "n"))
    var samples: Int?

    @Option(help: ArgumentHelp("Tokens of a calibration sequence; 2048 where not given.", valueName: "n"))
    var sequenceLength: Int?

    @Option(help: ArgumentHelp("Seed of every random choice; 0 where not given.", valueName: "n"))
    var seed: UInt64?

    @Option(
        help: ArgumentHelp(
            "Also write the calibration tokens here, as 32-bit little-endian integers.", valueName: "file"))
    var saveCalibration: String?

    func validate() throws {
        if let samples, !(1...1_000_000).contains(samples) {
            throw ValidationError("--samples must be from 1 to 1000000")
        }
        if let sequenceLength, !(2...1_000_000).contains(sequenceLength) {
            throw ValidationError("--sequence-length must be from 2 to 1000000")
        }
        if let saveCalibration { try requireWritable(saveCalibration, option: "--save-calibration") }
    }

    /// Refuses all these options for a method that gathers no statistics.
    func validate(calibrates: Bool) throws {
        try requireEffect(
            of: [
                "--calibration": calibration != nil, "--samples": samples != nil,
                "--sequence-length": sequenceLength != nil, "--seed": seed != nil,
                "--save-calibration": saveCalibration != nil,
            ], with: "a method that calibrates", calibrates)
    }

    /// Puts what was given in the place of the defaults.
    func apply(to settings: inout PruningSettings) {
        if let samples { settings.sampleCount = samples }
        if let sequenceLength { settings.sequenceLength = sequenceLength }
        if let seed { settings.seed = seed }
    }

    /// Reads the text, where there is one.
    func source() throws -> CalibrationSource {
        guard let calibration, calibration != "self" else { return .model }
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

    /// Makes sequences that the calibration set of the same settings does not read. The model writes them with the next seed.
    func heldOut(
        _ count: Int, for opened: OpenedModel, on backend: some Backend, settings: PruningSettings,
        progress: TerminalProgress
    ) throws -> CalibrationSet {
        guard case .documents(let documents) = self else {
            var settings = settings
            settings.sampleCount = count
            settings.seed &+= 1
            return try sequences(for: opened, on: backend, settings: settings, progress: progress)
        }
        return try CalibrationSet.heldOut(
            count, documents: documents.map { opened.tokenizer.encode($0, addSpecialTokens: false) },
            separator: opened.endToken, sampleCount: settings.sampleCount, sequenceLength: settings.sequenceLength,
            seed: settings.seed)
    }

    /// Makes the calibration set.
    func sequences(
        for opened: OpenedModel, on backend: some Backend, settings: PruningSettings, progress: TerminalProgress
    ) throws -> CalibrationSet {
        let (sampleCount, sequenceLength) = (settings.sampleCount, settings.sequenceLength)
        switch self {
        case .documents(let documents):
            let tokens = documents.map { opened.tokenizer.encode($0, addSpecialTokens: false) }
            return try CalibrationSet(
                documents: tokens, separator: opened.endToken, sampleCount: sampleCount,
                sequenceLength: sequenceLength, seed: settings.seed)
        case .model:
            let sampling = GenerationSettings(
                sampling: try SamplingSettings(temperature: 1), seed: settings.seed,
                stopTokens: Set(opened.architecture.endTokens))
            let documents = try Generator(
                model: opened.load(onto: backend, progress: progress), settings: sampling
            ).sampleDocuments(
                tokenCount: sampleCount * sequenceLength, isSeparated: opened.endToken != nil,
                maximumLength: sequenceLength,
                batchSize: opened.architecture.cacheDescription(
                    sequenceCount: 1, capacity: sequenceLength
                ).sideBySideCount,
                progress: progress)
            return try CalibrationSet(
                documents: documents, separator: opened.endToken, sampleCount: sampleCount,
                sequenceLength: sequenceLength, seed: settings.seed)
        }
    }
}
