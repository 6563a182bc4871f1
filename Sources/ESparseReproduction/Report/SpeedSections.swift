// The sections on matrix products, the whole model, memory, and what pruning itself took.

import ESparsePruning
import ESparseReport

extension ReproductionResults {
    var gemmSection: ReportSection? {
        guard let gemm, !gemm.points.isEmpty else { return nil }
        var groups: [BarChart.Group] = []
        for stage in ["context", "decoder"] {
            let points = gemm.points.filter { $0.stage == stage }
            for pattern in ComparedMethod.patterns {
                for tokens in Set(points.map(\.tokens)).sorted() {
                    let here = points.filter { $0.pattern == pattern && $0.tokens == tokens }
                    let bars = here.map { point in
                        BarChart.Bar(
                            point.model == "custom" ? point.shape : "\(point.layer) \(point.shape)",
                            length: point.speedup,
                            text: Written.ratio(point.speedup),
                            tone: point.speedup < 1 ? .plain : pattern == "2:4" ? .accent : .second)
                    }
                    let title = "\(pattern), \(stage) stage, \(tokens) \(tokens == 1 ? "token" : "tokens")"
                    groups.append(BarChart.Group(title, bars: bars, lines: here.first.map { [1, $0.ceiling] } ?? []))
                }
            }
        }
        var table = TextTable(
            header: ["linear", "shape", "pattern", "stage", "tokens", "sparse ms", "dense ms", "speedup", "ceiling"])
        for point in gemm.points {
            table.append([
                point.model == "custom" ? "" : "\(point.model) \(point.layer)", point.shape, point.pattern, point.stage,
                "\(point.tokens)", Quantity.fixed(1000 * point.sparseSeconds, decimals: 3),
                Quantity.fixed(1000 * point.denseSeconds, decimals: 3), Written.ratio(point.speedup),
                Written.ratio(point.ceiling),
            ])
        }
        return ReportSection(
            id: "gemm", title: "4. Sparse matrix products",
            blocks: [
                .figure(
                    ReportFigure(
                        id: "gemm-bars", title: "Speed-up over oneDNN, by shape",
                        caption: """
                            Sparse against oneDNN's dense product in its fastest data type, weights in bf16, \
                            \(context.settings.threads) threads, both taking turns. Up to 32 tokens count as the decoder stage. Grey-blue bars \
                            are slower than dense.
                            """,
                        chart: .bars(
                            BarChart(
                                groups: groups,
                                legend: """
                                    Dashed lines: 1x, as fast as dense, and the ceiling over a perfect dense product: 2x where arithmetic is \
                                    the limit, and where reading weights is, the bytes of the dense ones over those of the sparse ones. A \
                                    bar beyond it means that the dense side is not perfect.
                                    """)),
                        table: table, commands: commands(["gemm"])))
            ])
    }

    var modelSection: ReportSection? {
        guard let first = model.first else { return nil }
        func group(_ title: String, _ value: (ModelRow) -> Double) -> [BarChart.Group] {
            Set(model.map(\.batch)).sorted().map { batch in
                BarChart.Group(
                    "\(title), \(batch) \(batch == 1 ? "sequence" : "sequences")",
                    bars: model.filter { $0.batch == batch }.map { row in
                        BarChart.Bar(
                            row.variant, length: value(row), text: Quantity.fixed(value(row), decimals: 1),
                            tone: row.variant == "dense" ? .reference : .accent)
                    })
            }
        }
        var table = TextTable(
            header: [
                "variant", "sequences", "prompt tokens/s", "decoded tokens/s", "first token s", "peak memory", "files",
            ])
        for row in model {
            table.append([
                row.variant, "\(row.batch)", Quantity.fixed(row.prefill, decimals: 1),
                Quantity.fixed(row.decode, decimals: 1), Quantity.fixed(row.firstToken, decimals: 3),
                Quantity.bytes(row.peakBytes), Quantity.bytes(row.fileBytes),
            ])
        }
        let caption = """
            Medians of \(context.settings.rounds) runs, each a process of its own; prompts of \(first.promptTokens) tokens, \
            \(first.generatedTokens) tokens drawn for each sequence. The mask is magnitude's at 2:4 with both shuffles: speed does not \
            depend on which weights are kept.
            """
        func figure(_ id: String, _ title: String, _ value: (ModelRow) -> Double) -> ReportBlock {
            .figure(
                ReportFigure(
                    id: id, title: title, caption: caption,
                    chart: .bars(BarChart(groups: group("Tokens a second", value))),
                    table: table, commands: commands(["model"])))
        }
        return ReportSection(
            id: "model", title: "5. The whole model",
            blocks: [
                figure("model-prefill", "Reading prompts: tokens a second", \.prefill),
                figure("model-decode", "Drawing text: tokens a second", \.decode),
            ])
    }

    var memorySection: ReportSection? {
        ReportSection(
            id: "memory", title: "6. Memory",
            blocks: [measuredMemoryFigure, paperMemoryFigure].compactMap { $0 }.map { .figure($0) })
    }

    private var measuredMemoryFigure: ReportFigure? {
        guard let dense = measuredMemory.first(where: { $0.variant == "dense" }) else { return nil }
        var table = TextTable(header: ["variant", "weights in 16 bits", "saved", "files"])
        for row in measuredMemory {
            table.append([
                row.variant, Quantity.bytes(row.bytes),
                row.variant == "dense"
                    ? "" : Written.percent(1 - Double(row.bytes) / Double(max(dense.bytes, 1)), decimals: 2),
                Quantity.bytes(row.fileBytes),
            ])
        }
        let bars = measuredMemory.map { row in
            BarChart.Bar(
                row.variant == "dense" ? "dense" : "E-Sparse, \(row.variant)", length: Double(row.bytes),
                text: Quantity.bytes(row.bytes), tone: row.variant == "dense" ? .reference : .accent)
        }
        return ReportFigure(
            id: "memory-measured", title: "Weights of this model, measured",
            caption: """
                Everything counted in 16 bits: embeddings, norms and the head stay dense; pruned linears hold values, bitmask and order of \
                channels. The files of a quantised dense checkpoint can be smaller.
                """,
            chart: .bars(BarChart(groups: [BarChart.Group(context.modelName, bars: bars)])), table: table,
            commands: commands(
                ["main-dense"] + ComparedMethod.patterns.map { ComparedMethod.eSparse.id(pattern: $0) },
                only: ["inspect"]))
    }

    private var paperMemoryFigure: ReportFigure? {
        let range = MemoryEstimate.paperRange
        var table = TextTable(header: ["model", "dense", "packed", "saved", "orders of channels"])
        for row in paperMemory {
            table.append([
                row.model, Quantity.bytes(row.denseBytes), Quantity.bytes(row.packedBytes),
                Written.percent(row.saved, decimals: 2), Quantity.bytes(row.orderBytes),
            ])
        }
        let bars = paperMemory.map { row in
            BarChart.Bar(
                row.model, length: row.saved, text: Written.percent(row.saved, decimals: 2), tone: .accent)
        }
        return ReportFigure(
            id: "memory-computed", title: "Weight memory saved, computed from the models' shapes",
            caption: """
                All linears of the decoder blocks at 2:4 or 4:8 in bf16: 9 bits instead of 16 for each of their weights, everything else \
                dense. Computed, not measured. Orders of channels would add the last column.
                """,
            chart: .bars(
                BarChart(
                    groups: [BarChart.Group("Saved", bars: bars, lines: [range.lowerBound, range.upperBound])],
                    legend: """
                        Dashed lines: the paper's least and most, \(Written.percent(range.lowerBound, decimals: 2)) and \
                        \(Written.percent(range.upperBound, decimals: 2)).
                        """)), table: table, commands: [])
    }

    var pruningSection: ReportSection? {
        guard !pruning.isEmpty else { return nil }
        let stages = PruningPhase.allCases.map(\.rawValue).filter { stage in
            pruning.contains { $0.stages[stage] ?? 0 > 0 }
        }
        var table = TextTable(
            header: ["method", "pattern", "total s"]
                + stages.map { $0.split(separator: "_").joined(separator: " ") + " s" } + ["peak memory"])
        for row in pruning {
            table.append(
                [row.method, row.pattern, row.seconds.map { Quantity.fixed($0, decimals: 1) } ?? "stopped between"]
                    + stages.map { row.stages[$0].map { Quantity.fixed($0, decimals: 1) } ?? "" }
                    + [Quantity.bytes(row.peakBytes)])
        }
        let groups = ComparedMethod.patterns.map { pattern in
            BarChart.Group(
                pattern,
                bars: pruning.filter { $0.pattern == pattern }.compactMap { row in
                    row.seconds.map {
                        BarChart.Bar(
                            row.method, length: $0, text: Quantity.duration(seconds: $0),
                            tone: row.method == ComparedMethod.eSparse.title
                                ? .accent : row.method == ComparedMethod.updatedESparse.title ? .second : .plain)
                    }
                })
        }
        let settings = context.settings
        return ReportSection(
            id: "pruning", title: "7. Time and memory of pruning",
            blocks: [
                .figure(
                    ReportFigure(
                        id: "pruning-bars", title: "Time of `esparse prune` by method",
                        caption: """
                            Minutes and seconds from the start of the process to its end, with \(settings.threads) threads, calibrated on \
                            \(context.calibrationPhrase(samples: settings.samples, length: settings.sequenceLength)). The table has the stages, \
                            and the most memory that was resident at once, mapped weights included.
                            """,
                        chart: .bars(BarChart(groups: groups)), table: table,
                        commands: commands(
                            ComparedMethod.patterns.flatMap { pattern in
                                ComparedMethod.allCases.map { $0.id(pattern: pattern) }
                            }, only: ["prune"])))
            ])
    }
}
