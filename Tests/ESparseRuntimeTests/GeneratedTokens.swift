// Requests run to their ends, for tests: by the batch itself, or by an engine.

import ESparseCore
import ESparseModels
import ESparseRuntime

/// What became of a request.
struct GeneratedTokens: Equatable {
    var tokens: [Int32] = []
    var reason: FinishReason?
}

/// Runs requests in a batch, in order, as slots become free.
///
/// - Throws: the first error of any request.
func generate<B: Backend>(
    _ requests: [GenerationRequest], with model: LanguageModel<B>, slotCount: Int? = nil, chunkSize: Int = 512
) throws -> [GeneratedTokens] {
    var batch = GenerationBatch(model: model, slotCount: slotCount ?? requests.count, chunkSize: chunkSize)
    batch.leastCapacity = try requests.map { try $0.positions(in: model.architecture) }.max() ?? 1
    var results = requests.map { _ in GeneratedTokens() }
    var next = 0
    while true {
        while next < requests.count, try batch.join(requests[next], id: next) { next += 1 }
        guard !batch.isEmpty else { return results }
        for (id, event) in try batch.step() {
            switch try event.get() {
            case .token(let token): results[id].tokens.append(token)
            case .finished(let reason): results[id].reason = reason
            }
        }
    }
}

/// Listens to a request until its end.
func collect(_ events: GenerationEvents) async throws -> GeneratedTokens {
    var result = GeneratedTokens()
    for try await event in events {
        switch event {
        case .token(let token): result.tokens.append(token)
        case .finished(let reason): result.reason = reason
        }
    }
    return result
}
