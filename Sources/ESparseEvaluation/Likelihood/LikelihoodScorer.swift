// Scores the requests of many items; what an item's requests have in common at their start runs once.

public import ESparseCore
public import ESparseModels

/// How many tokens a model was run on.
public struct TokenCounts: Sendable, Equatable {
    /// Tokens that were run.
    public var computed = 0
    /// Tokens that would be run if every request were run on its own.
    public var separately = 0

    /// Starts at none.
    public init() {}
}

/// Scores requests with one model.
///
/// The requests of an item begin with the same tokens, as a rule the whole question. These run once; then the rest of the
/// first request of every item of a batch runs as one pass, each from the end of its item's prefix, then the rest of the
/// second request, which overwrites the first in the cache, and so on. A row of the shared prefix answers all requests
/// whose first target follows it.
public struct LikelihoodScorer<B: Backend>: Sendable {
    /// Most tokens of an item batch: enough that the linears run at full speed.
    private static var tokensPerBatch: Int { 2048 }

    private let model: LanguageModel<B>

    /// Scores with `model`.
    public init(_ model: LanguageModel<B>) { self.model = model }

    /// Answers of each item's requests, in their order, the tokens that were run for them, and the seconds that took. Batches that
    /// `journal` has are not run again.
    ///
    /// - Throws: `ModelError`; `InterruptedError`; as `EvaluationJournal.figures`.
    public func answers(
        to items: [[EncodedRequest]], stage: String, journal: EvaluationJournal = EvaluationJournal(),
        progress: any ProgressReporter = SilentProgress()
    ) throws -> (answers: [[LikelihoodAnswer]], tokens: TokenCounts, seconds: Double) {
        var answers = items.map { $0.map { _ in LikelihoodAnswer(logLikelihood: 0, isGreedy: true) } }
        var counts = TokenCounts()
        let lengths = items.map { $0.map(\.inputs.count).max() ?? 0 }
        // Longest first: batches hold items of similar length, and the estimate of the time left is never too short.
        let order = items.indices.filter { lengths[$0] > 0 }.sorted { (-lengths[$0], $0) < (-lengths[$1], $1) }
        guard let longest = order.first.map({ lengths[$0] }) else { return (answers, counts, 0) }
        let description = model.architecture.cacheDescription(sequenceCount: 1, capacity: longest)
        let slots = min(description.sideBySideCount, order.count)
        var cache = try model.makeCache(sequenceCount: slots, capacity: longest)
        var next = 0
        var seconds = 0.0
        var batchNumber = 0
        progress.report(stage: stage, completed: 0, total: order.count, unit: "items")
        while next < order.count {
            var batch: [Int] = []
            var tokens = 0
            while next < order.count, batch.count < slots,
                batch.isEmpty || tokens + lengths[order[next]] <= Self.tokensPerBatch
            {
                tokens += lengths[order[next]]
                batch.append(order[next])
                next += 1
            }
            let requests = batch.map { items[$0] }
            let figures = try journal.figures(
                of: stage, batch: batchNumber, count: 2 * requests.joined().count + 3
            ) {
                let start = ContinuousClock.now
                var run = TokenCounts()
                let scored = try self.run(requests, cache: &cache, counts: &run)
                return scored.joined().flatMap { [$0.logLikelihood, $0.isGreedy ? 1 : 0] }
                    + [Double(run.computed), Double(run.separately), (ContinuousClock.now - start) / .seconds(1)]
            }
            var position = 0
            for item in batch {
                for request in items[item].indices {
                    answers[item][request] = LikelihoodAnswer(
                        logLikelihood: figures[position], isGreedy: figures[position + 1] == 1)
                    position += 2
                }
            }
            guard let computed = Int(exactly: figures[position]), let separately = Int(exactly: figures[position + 1])
            else { throw journal.damaged() }
            counts.computed += computed
            counts.separately += separately
            seconds += figures[position + 2]
            batchNumber += 1
            progress.report(stage: stage, completed: next, total: order.count, unit: "items")
        }
        return (answers, counts, seconds)
    }

    /// Answers of one batch; item `i` uses slot `i` of the cache.
    private func run(
        _ items: [[EncodedRequest]], cache: inout ModelCache<B>, counts: inout TokenCounts
    ) throws -> [[LikelihoodAnswer]] {
        var answers = items.map { $0.map { _ in LikelihoodAnswer(logLikelihood: 0, isGreedy: true) } }
        // Texts on both sides of the length at which rotary frequencies change share no keys.
        let shortLength = model.architecture.shortTextLength ?? .max
        let prefixes = items.map { requests in
            let areLong = Set(requests.map { $0.inputs.count > shortLength })
            return areLong.count > 1 ? 0 : Self.sharedPrefixLength(requests)
        }
        var pass = Pass()
        for (slot, requests) in items.enumerated() where prefixes[slot] > 0 {
            let range = 0..<prefixes[slot]
            let start = pass.append(
                requests[0].inputs[range], slot: slot, at: 0, textLength: requests.map(\.inputs.count).max() ?? 0)
            for (index, request) in requests.enumerated() {
                pass.score(request, in: range, firstRow: start, item: slot, request: index)
            }
        }
        try pass.run(model, cache: &cache, answers: &answers)
        counts.computed += pass.tokens.count
        counts.separately += items.joined().reduce(0) { $0 + $1.inputs.count }

        for index in 0..<(items.map(\.count).max() ?? 0) {
            var pass = Pass()
            for (slot, requests) in items.enumerated() where index < requests.count {
                let range = prefixes[slot]..<requests[index].inputs.count
                guard !range.isEmpty else { continue }
                let start = pass.append(
                    requests[index].inputs[range], slot: slot, at: range.lowerBound,
                    textLength: requests[index].inputs.count)
                pass.score(requests[index], in: range, firstRow: start, item: slot, request: index)
            }
            try pass.run(model, cache: &cache, answers: &answers)
            counts.computed += pass.tokens.count
        }
        return answers
    }

    /// Inputs that all requests of an item begin with.
    static func sharedPrefixLength(_ requests: [EncodedRequest]) -> Int {
        guard let first = requests.first else { return 0 }
        return requests.dropFirst().reduce(first.inputs.count) { length, request in
            zip(first.inputs.prefix(length), request.inputs).prefix { $0 == $1 }.count
        }
    }
}

/// One forward pass: tokens of several items, and the targets to read from their rows.
private struct Pass {
    private(set) var tokens: [Int32] = []
    private var segments: [TokenBatch.Segment] = []
    private var targets: [ScoredToken] = []
    /// Whose answer each target belongs to.
    private var owners: [(item: Int, request: Int)] = []

    /// Adds the next tokens of a slot, whose text has `textLength` in all, and returns the row of the first.
    mutating func append(_ part: ArraySlice<Int32>, slot: Int, at position: Int, textLength: Int) -> Int {
        segments.append(
            TokenBatch.Segment(sequence: slot, start: position, count: part.count, textLength: textLength))
        defer { tokens += part }
        return tokens.count
    }

    /// Asks for those targets of a request that follow positions in `range`, whose first is row `firstRow`.
    mutating func score(_ request: EncodedRequest, in range: Range<Int>, firstRow: Int, item: Int, request index: Int) {
        for (offset, token) in request.targets.enumerated() {
            let position = request.firstScoredPosition + offset
            guard range.contains(position) else { continue }
            targets.append(ScoredToken(row: firstRow + position - range.lowerBound, token: token))
            owners.append((item, index))
        }
    }

    /// Runs the tokens and adds what was asked for to the answers.
    func run<B: Backend>(
        _ model: LanguageModel<B>, cache: inout ModelCache<B>, answers: inout [[LikelihoodAnswer]]
    ) throws {
        guard !segments.isEmpty else { return }
        let likelihoods = try model.likelihoods(
            of: targets, after: tokens, batch: TokenBatch(segments), cache: &cache)
        for (owner, likelihood) in zip(owners, likelihoods) {
            answers[owner.item][owner.request].logLikelihood -= likelihood.negativeLogLikelihood
            if !likelihood.isGreedy { answers[owner.item][owner.request].isGreedy = false }
        }
    }
}
