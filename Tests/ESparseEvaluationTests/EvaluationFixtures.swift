// Finds the tests' models, items and golden values.

import ESparseCPU
import ESparseCore
import ESparseEvaluation
import ESparseFormats
import ESparseModels
import ESparseTokenizers
import FoundationEssentials
import Testing

/// Files of the repository, and data that may be at hand.
enum EvaluationFixtures {
    /// The repository's root, from this file's place in it.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// Hand-made items in the formats of the data sets.
    static let tasks = root + "/Tests/ESparseEvaluationTests/Fixtures/tasks"

    private static let environment = ProcessInfo.processInfo.environment

    private static let sharedData = environment["ESPARSE_SHARED_DATA"] ?? root + "/../shared/data"

    private static func existing(_ path: String) -> String? {
        FileManager.default.fileExists(atPath: path) ? path : nil
    }

    /// SmolLM2's GGUF file, where it is at hand.
    static let smolLM2 = existing(
        environment["ESPARSE_SMOLLM2"]
            ?? (environment["HOME"] ?? "") + "/.cache/esparse/SmolLM2-135M-Instruct.Q4_1.gguf")

    /// WikiText-2's test split, where it is at hand.
    static let wikiText = existing(sharedData + "/wikitext-2-test.joined.txt")

    /// The folder of prepared zero-shot items, where it is at hand.
    static let zeroShot = existing(sharedData + "/zeroshot")

    /// A golden file of `scripts/fixtures/zeroshot.py`.
    static func golden<Value: Decodable>(_ name: String) throws -> Value {
        let path = root + "/Tests/ESparseEvaluationTests/Fixtures/" + name
        return try JSONDecoder().decode(Value.self, from: Data(FileSystem.read(path)))
    }

    /// A tiny checkpoint of the command's tests.
    static func tinyCheckpoint(_ name: String) throws -> Checkpoint {
        try Checkpoint.open(root + "/Tests/Command/" + name)
    }

    /// A model on the CPU in single precision.
    static func model(_ checkpoint: Checkpoint, threads: Int = 2) throws -> LanguageModel<CPUBackend> {
        try LanguageModel.load(
            configuration: checkpoint.configuration, weights: checkpoint.weights,
            backend: CPUBackend(precision: .float32, threadCount: threads))
    }

    /// Asks a task's items of a checkpoint's model in single precision.
    static func evaluation(
        _ source: TaskSource, limit: Int? = nil, of checkpoint: Checkpoint, model: LanguageModel<CPUBackend>
    ) throws -> TaskEvaluation {
        let task = try EncodedTask(
            source, items: source.task.items(source.path), limit: limit, tokenizer: Tokenizer.load(checkpoint),
            architecture: model.architecture)
        return try TaskEvaluation.run(task, model: model)
    }

    /// Writes a file into a new folder and gives its path.
    static func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        let folder = FileManager.default.temporaryDirectory.path + "/esparse-\(UInt64.random(in: 0...(.max)))"
        try FileSystem.createFolder(folder)
        try FileSystem.writeDurably(bytes, to: folder + "/" + name)
        return folder + "/" + name
    }
}

/// What transformers gives for a task's items.
struct GoldenTask: Decodable {
    struct Scores: Decodable {
        /// Value and standard error.
        let acc: [Double]
        let acc_norm: [Double]?
        let perplexity: [Double]?
    }

    let log_likelihoods: [[Double]]
    let greedy: [[Int]]
    let scores: Scores?
}
