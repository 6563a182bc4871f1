// The whole report of a reproduction: overview, then the paper's sections in its order.

package import ESparseReport

extension ReproductionResults {
    /// The report so far.
    package var document: ReportDocument {
        var introduction = context.introduction
        if !isComplete {
            introduction.append(
                "Unfinished: \(records.count) of \(plannedCount) experiments are done; --resume goes on.")
        }
        let sections = [
            perplexitySection, zeroShotSection, ablationSection, channelSection, gemmSection, modelSection,
            memorySection, pruningSection,
        ].compactMap { $0 }
        return ReportDocument(
            title: "E-Sparse on \(context.modelName)", introduction: introduction, headlines: headlines,
            sections: sections,
            closing: """
                Made by `esparse reproduce`. All figures with their commands are in results.json beside this page; what each \
                command wrote is in experiments/.
                """)
    }

    /// A method's row at a pattern.
    func row(_ method: ComparedMethod, _ pattern: String) -> MainRow? {
        main.first { $0.compared == method && $0.pattern == pattern }
    }

    /// The dense model's row.
    var denseRow: MainRow? { main.first { $0.compared == nil } }

    // MARK: overview

    private var headlines: [Headline] {
        ComparedMethod.patterns.flatMap(qualityHeadlines) + accuracyHeadlines + speedHeadlines + memoryHeadlines
    }

    private func qualityHeadlines(_ pattern: String) -> [Headline] {
        let pairs: [(ComparedMethod, ComparedMethod, String)] = [
            (.eSparse, .wanda, "against Wanda"), (.eSparse, .ria, "against RIA with its own permutation"),
            (.eSparse, .shuffledWanda, "against Wanda under the same shuffles"),
            (.updatedESparse, .sparseGPT, "with weight update against SparseGPT"),
        ]
        return pairs.compactMap { mine, other, phrase in
            guard let own = row(mine, pattern)?.evaluation.perplexity,
                let theirs = row(other, pattern)?.evaluation.perplexity
            else { return nil }
            let change = own / theirs - 1
            return Headline(
                Written.change(change),
                """
                perplexity of E-Sparse \(phrase) at \(pattern): \(Written.perplexity(own)) and \
                \(Written.perplexity(theirs)); lower is better
                """, change < 0 ? .better : .worse)
        }
    }

    private var accuracyHeadlines: [Headline] {
        ComparedMethod.patterns.compactMap { pattern in
            guard let own = row(.eSparse, pattern)?.evaluation, let other = row(.wanda, pattern)?.evaluation,
                let (mine, theirs) = own.mean.flatMap({ mine in other.mean.map { (mine, $0) } })
            else { return nil }
            let error = ((own.meanError ?? 0) * (own.meanError ?? 0) + (other.meanError ?? 0) * (other.meanError ?? 0))
                .squareRoot()
            let isClear = abs(mine - theirs) > 2 * error
            return Headline(
                (mine > theirs ? "+" : "") + Quantity.fixed(100 * (mine - theirs), decimals: 1) + " points",
                """
                mean zero-shot accuracy of E-Sparse against Wanda at \(pattern): \(Written.accuracy(mine, own.meanError)) and \
                \(Written.accuracy(theirs, other.meanError))\(isClear ? "" : "; within the noise")
                """, !isClear ? .neutral : mine > theirs ? .better : .worse)
        }
    }

    private var speedHeadlines: [Headline] {
        var headlines: [Headline] = []
        for stage in ["context", "decoder"] {
            let points = gemm?.points.filter { $0.stage == stage } ?? []
            let speedups = points.map(\.speedup).sorted()
            guard let least = speedups.first, let greatest = speedups.last else { continue }
            let median = (speedups[speedups.count / 2] + speedups[(speedups.count - 1) / 2]) / 2
            let slower = speedups.count { $0 < 1 }
            headlines.append(
                Headline(
                    Written.ratio(median),
                    """
                    median speed of sparse matrix products over oneDNN's dense ones, \(stage) stage: from \
                    \(Written.ratio(least)) to \(Written.ratio(greatest)) in \(speedups.count) points, \
                    \(slower == 0 ? "none" : "\(slower)") of them slower than dense
                    """, median > 1 ? .better : .worse))
        }
        for batch in Set(model.map(\.batch)).sorted() {
            let rows = model.filter { $0.batch == batch }
            guard let dense = rows.first(where: { $0.variant == "dense" }),
                let packed = rows.first(where: { $0.variant == "packed" }), dense.decode > 0, dense.prefill > 0
            else { continue }
            let ratio = packed.decode / dense.decode
            headlines.append(
                Headline(
                    Written.ratio(ratio),
                    """
                    speed of decoding with the whole packed model over the dense one, \(batch) \
                    \(batch == 1 ? "sequence" : "sequences"); prompts \(Written.ratio(packed.prefill / dense.prefill))
                    """, ratio > 1 ? .better : .worse))
        }
        return headlines
    }

    private var memoryHeadlines: [Headline] {
        guard let dense = measuredMemory.first(where: { $0.variant == "dense" }),
            let packed = measuredMemory.first(where: { $0.variant == "2:4" }), dense.bytes > 0
        else { return [] }
        let saved = 1 - Double(packed.bytes) / Double(dense.bytes)
        return [
            Headline(
                Written.percent(saved),
                """
                of the weight memory of this model saved at 2:4: \(Quantity.bytes(packed.bytes)) instead of \
                \(Quantity.bytes(dense.bytes)) in 16 bits
                """, saved > 0 ? .better : .worse)
        ]
    }
}
