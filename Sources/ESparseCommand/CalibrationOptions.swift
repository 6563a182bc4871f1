// Options of `esparse prune` about the text that it calibrates on.

import ArgumentParser
import ESparseFormats
import ESparsePruning

struct CalibrationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Calibration text: .txt or .jsonl (field text), either also as .gz, or self; self where not given.",
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

    @Option(
        help: ArgumentHelp(
            "Further sequences whose every token is read as the first of a text; 0 where not given.",
            discussion: """
                Protects what many models make of a text's first token, whatever it is; see docs/method.md.
                """, valueName: "n"))
    var firstTokens: Int?

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
        if let firstTokens, !(0...(samples ?? 128)).contains(firstTokens) {
            throw ValidationError("--first-tokens must be from 0 to the number of --samples")
        }
        if let saveCalibration { try requireWritable(saveCalibration, option: "--save-calibration") }
    }

    /// Refuses these options where the method does not calibrate.
    func validate(calibrates: Bool) throws {
        try requireEffect(
            of: [
                "--calibration": calibration != nil, "--samples": samples != nil,
                "--sequence-length": sequenceLength != nil, "--seed": seed != nil,
                "--first-tokens": firstTokens != nil,
                "--save-calibration": saveCalibration != nil,
            ], with: "a method that calibrates", calibrates)
    }

    /// Replaces the defaults by what was given.
    func apply(to settings: inout PruningSettings) {
        if let samples { settings.sampleCount = samples }
        if let sequenceLength { settings.sequenceLength = sequenceLength }
        if let firstTokens { settings.firstTokenSequences = firstTokens }
        if let seed { settings.seed = seed }
    }

    /// Reads the file, if one was given.
    func source() throws -> CalibrationSource {
        guard let calibration, calibration != "self" else { return .model }
        return .documents(try Signals.endingAtOnce { try TextFile.documents(calibration) })
    }
}
