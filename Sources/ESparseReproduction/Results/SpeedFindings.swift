// Times and memory, read from what `esparse benchmark`, `inspect` and `prune` wrote.

import ESparseFormats
import ESparseMeasurement
import FoundationEssentials

/// What `esparse benchmark gemm` found.
struct GemmFindings: Sendable, Encodable {
    /// One measured point.
    struct Point: Sendable, Encodable {
        let model: String
        let layer: String
        let stage: String
        let shape: String
        let tokens: Int
        let pattern: String
        let speedup: Double
        let sparseSeconds: Double
        let denseSeconds: Double
        /// Bytes of the weights as each side reads them.
        let sparseBytes: Int
        let denseBytes: Int
        let sparseKernel: String
        let denseKernel: String

        enum CodingKeys: String, CodingKey {
            case model, layer, stage, shape, tokens, pattern, speedup
            case sparseSeconds = "sparse_seconds"
            case denseSeconds = "dense_seconds"
            case sparseBytes = "sparse_weight_bytes"
            case denseBytes = "dense_weight_bytes"
            case sparseKernel = "sparse_kernel"
            case denseKernel = "dense_kernel"
        }

        /// The most that leaving out half the weights can win: 2x where arithmetic is the limit, the ratio of the bytes where
        /// reading weights is.
        var ceiling: Double { stage == "decoder" ? Double(denseBytes) / Double(sparseBytes) : 2 }
    }

    /// In the order measured.
    let points: [Point]

    init(_ record: ExperimentRecord) throws {
        points = try (record.result(of: "benchmark", "gemm")?["results"]?.array ?? []).map { value in
            guard let model = value["model"]?.text, let layer = value["layer"]?.text, let stage = value["stage"]?.text,
                let rows = value["rows"]?.integer, let columns = value["columns"]?.integer,
                let tokens = value["tokens"]?.integer, let pattern = value["pattern"]?.text,
                let speedup = value["speedup"]?.double, let sparse = value["sparse_seconds"]?.double,
                let dense = value["dense_seconds"]?.double,
                let sparseBytes = value["sparse_weight_bytes"]?.integer, sparseBytes > 0,
                let denseBytes = value["dense_weight_bytes"]?.integer
            else {
                throw ReproductionError.noResult(command: "esparse benchmark gemm", reason: "a field is missing")
            }
            return Point(
                model: model, layer: layer, stage: stage, shape: "\(rows)x\(columns)", tokens: tokens, pattern: pattern,
                speedup: speedup, sparseSeconds: sparse, denseSeconds: dense, sparseBytes: sparseBytes,
                denseBytes: denseBytes,
                sparseKernel: value["sparse_kernel"]?.text ?? "", denseKernel: value["dense_kernel"]?.text ?? "")
        }
    }
}

/// A row of what `esparse benchmark model` found.
struct ModelRow: Sendable, Encodable {
    let variant: String
    let batch: Int
    let promptTokens: Int
    let generatedTokens: Int
    let prefill: Double
    let decode: Double
    let firstToken: Double
    let peakBytes: Int
    let fileBytes: Int

    enum CodingKeys: String, CodingKey {
        case variant, batch
        case promptTokens = "prompt_tokens"
        case generatedTokens = "generated_tokens"
        case prefill = "prefill_tokens_per_second"
        case decode = "decode_tokens_per_second"
        case firstToken = "time_to_first_token_seconds"
        case peakBytes = "peak_resident_bytes"
        case fileBytes = "weight_file_bytes"
    }

    static func rows(_ record: ExperimentRecord) throws -> [ModelRow] {
        try (record.result(of: "benchmark", "model")?["results"]?.array ?? []).map { value in
            guard let variant = value["variant"]?.text, let batch = value["batch"]?.integer,
                let prompt = value["prompt_tokens"]?.integer, let generated = value["generated_tokens"]?.integer,
                let prefill = value["prefill_tokens_per_second"]?.double,
                let decode = value["decode_tokens_per_second"]?.double,
                let first = value["time_to_first_token_seconds"]?.double,
                let peak = value["peak_resident_bytes"]?.integer, let bytes = value["weight_file_bytes"]?.integer
            else {
                throw ReproductionError.noResult(command: "esparse benchmark model", reason: "a field is missing")
            }
            return ModelRow(
                variant: variant, batch: batch, promptTokens: prompt, generatedTokens: generated, prefill: prefill,
                decode: decode, firstToken: first, peakBytes: peak, fileBytes: bytes)
        }
    }
}

/// Weight memory of the model at hand, as its checkpoints hold it.
struct MeasuredMemory: Sendable, Encodable {
    /// "dense" or a pattern.
    let variant: String
    /// With 16-bit weights, channel orders included.
    let bytes: Int
    /// Of the weight files.
    let fileBytes: Int

    enum CodingKeys: String, CodingKey {
        case variant
        case bytes = "weight_bytes_16_bit"
        case fileBytes = "file_bytes"
    }

    static func rows(_ records: [String: ExperimentRecord]) throws -> [MeasuredMemory] {
        let variants =
            [("dense", "main-dense")] + ComparedMethod.patterns.map { ($0, ComparedMethod.eSparse.id(pattern: $0)) }
        return try variants.compactMap { variant, id in
            guard let result = records[id]?.result(of: "inspect") else { return nil }
            guard let bytes = result["weight_bytes_bf16"]?.integer, let files = result["file_bytes"]?.integer else {
                throw ReproductionError.noResult(command: "esparse inspect", reason: "a field is missing")
            }
            return MeasuredMemory(variant: variant, bytes: bytes, fileBytes: files)
        }
    }
}

/// What one run of `esparse prune` took.
struct PruningCost: Sendable, Encodable {
    let method: String
    let pattern: String
    /// From the start of the process to its end; nil where the run was stopped in between.
    let seconds: Double?
    /// Seconds of each stage.
    let stages: [String: Double]
    let peakBytes: Int

    enum CodingKeys: String, CodingKey {
        case method, pattern, seconds, stages
        case peakBytes = "peak_resident_bytes"
    }

    static func rows(_ records: [String: ExperimentRecord]) -> [PruningCost] {
        ComparedMethod.patterns.flatMap { pattern in
            ComparedMethod.allCases.compactMap { method in
                guard
                    let step = records[method.id(pattern: pattern)]?.steps.first(where: {
                        $0.arguments.first == "prune"
                    })
                else { return nil }
                let stages = (step.result["seconds"]?.members ?? []).map { ($0.name, $0.value.double ?? 0) }
                return PruningCost(
                    method: method.title, pattern: pattern, seconds: step.isResumed ? nil : step.seconds,
                    stages: Dictionary(stages) { first, _ in first },
                    peakBytes: step.result["peak_resident_bytes"]?.integer ?? 0)
            }
        }
    }
}
