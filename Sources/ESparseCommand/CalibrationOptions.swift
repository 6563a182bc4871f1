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
            "Further sequences whose every token is read as the first of a text.",
            discussion: """
                Protects what many models make of a text's first token, whatever it is; see docs/method.md. Where not given, \
                one for every 32 of --samples if --method is e-sparse, without --preset and --skip-positions, else 0.
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
        if let firstTokens, !(0...(samples ?? PruningSettings.defaultSampleCount)).contains(firstTokens) {
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

    /// Replaces the defaults by what was given. Where `addsFirstTokens`, one sequence of first tokens goes with every 32, or part of
    /// 32, unless `--first-tokens` says otherwise: the least that mended Qwen 2.5 in docs/method.md's figures.
    func apply(to settings: inout PruningSettings, addsFirstTokens: Bool) {
        if let samples { settings.sampleCount = samples }
        if let sequenceLength { settings.sequenceLength = sequenceLength }
        settings.firstTokenSequences = firstTokens ?? (addsFirstTokens ? (settings.sampleCount + 31) / 32 : 0)
        if let seed { settings.seed = seed }
    }

    /// Reads the file, if one was given.
    func source() throws -> CalibrationSource {
        guard let calibration, calibration != "self" else { return .model }
        return .documents(try Signals.endingAtOnce { try TextFile.documents(calibration) })
    }
}
