// The section on what each part of the method and each setting is worth, and what happens to channels and outputs.

import ESparseReport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension ReproductionResults {
    var ablationSection: ReportSection? {
        let blocks = [ablationFigure, sensitivityFigure, seedFigure].compactMap { $0 }
        guard !blocks.isEmpty else { return nil }
        let settings = context.settings
        let setting = """
            All at 2:4, on \(context.calibrationPhrase(samples: settings.ablationSamples, length: settings.ablationSequenceLength)); \
            perplexity of \(settings.ablationWindows) windows of \(settings.ablationWindowLength) tokens of \(context.textName), so not \
            comparable with section 1. With so little calibration, differences of a few per cent are noise, as the seeds show.
            """
        return ReportSection(
            id: "ablation", title: "3. What each part is worth",
            blocks: [.paragraph(setting)] + blocks.map { .figure($0) })
    }

    private var ablationFigure: ReportFigure? {
        guard !ablation.isEmpty else { return nil }
        let least = ablation.map(\.perplexity).min() ?? 1
        func cell(_ score: AblationScore, _ shuffle: String) -> AblationCell? {
            ablation.first { $0.score == score.rawValue && $0.shuffle == shuffle }
        }
        let groups = AblationScore.shuffles.map { shuffle in
            BarChart.Group(
                "Shuffle: \(shuffle)",
                bars: AblationScore.allCases.compactMap { score in
                    cell(score, shuffle).map {
                        BarChart.Bar(
                            score.title, length: log($0.perplexity), text: Written.perplexity($0.perplexity),
                            tone: $0.perplexity == least ? .accent : score == .refined ? .second : .plain)
                    }
                })
        }
        var table = TextTable(header: ["score"] + AblationScore.shuffles)
        for score in AblationScore.allCases {
            table.append(
                [score.title]
                    + AblationScore.shuffles.map { cell(score, $0).map { Written.perplexity($0.perplexity) } ?? "" })
        }
        return ReportFigure(
            id: "ablation-bars", title: "Entropy, amplitude, global and local shuffle, alone and together",
            caption: """
                Rows are what scores a weight besides its own size. Bars are the logarithm of the perplexity: shorter is better. \
                Entropy and amplitude together with both shuffles and refined masks is the default.
                """,
            chart: .bars(BarChart(groups: groups)), table: table,
            commands: commands(ablationIDs))
    }

    private var ablationIDs: [String] {
        AblationScore.allCases.flatMap { score in AblationScore.shuffles.map { score.id(shuffle: $0) } }
    }

    private var sensitivityFigure: ReportFigure? {
        guard !sensitivity.isEmpty else { return nil }
        var settings: [String] = []
        for row in sensitivity where !settings.contains(row.setting) { settings.append(row.setting) }
        let groups = settings.map { setting in
            BarChart.Group(
                setting,
                bars: sensitivity.filter { $0.setting == setting }.map { row in
                    BarChart.Bar(
                        row.value, length: row.perplexity, text: Written.perplexity(row.perplexity),
                        tone: row.isReference ? .accent : .plain)
                })
        }
        var table = TextTable(header: ["setting", "value", "perplexity"])
        for row in sensitivity { table.append([row.setting, row.value, Written.perplexity(row.perplexity)]) }
        var ids: [String] = []
        for row in sensitivity where !ids.contains(row.experiment) { ids.append(row.experiment) }
        return ReportFigure(
            id: "sensitivity-bars", title: "One setting at a time",
            caption: """
                Perplexity when one setting of the default is changed; shorter is better. Bins and the amplitude's scale have no \
                effect on the default, whose bins are logarithmic and whose terms are multiplied, so they are shown for the paper's \
                plain settings, where both shuffles are on as well.
                """,
            chart: .bars(BarChart(groups: groups)), table: table, commands: commands(ids))
    }

    private var seedFigure: ReportFigure? {
        let rows = sensitivity.filter { $0.setting == "seed" }
        guard rows.count > 1 else { return nil }
        let values = rows.map(\.perplexity)
        let mean = values.reduce(0, +) / Double(values.count)
        let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
        var table = TextTable(header: ["seeds", "mean", "standard deviation", "least", "most"])
        table.append([
            "\(values.count)", Written.perplexity(mean), Written.perplexity(deviation),
            Written.perplexity(values.min() ?? 0), Written.perplexity(values.max() ?? 0),
        ])
        return ReportFigure(
            id: "seeds", title: "How much of it is chance",
            caption: "The default with different calibration texts: other places of the same source.", table: table,
            commands: commands(rows.map(\.experiment)))
    }

    // MARK: channels

    var channelSection: ReportSection? {
        guard let channels else { return nil }
        let settings = context.settings
        let source = commands([ReproductionFolder.diagnosticsName])
        let setting = context.calibrationPhrase(
            samples: settings.ablationSamples, length: settings.ablationSequenceLength)
        func map(_ id: String, _ title: String, _ caption: String, _ value: (ChannelFindings.Linear) -> Double?)
            -> ReportBlock?
        {
            guard channels.linears.contains(where: { value($0) != nil }) else { return nil }
            var names: [String] = []
            for linear in channels.linears where !names.contains(linear.name) { names.append(linear.name) }
            let blocks = Set(channels.linears.map(\.block)).sorted()
            let map = HeatMap(
                corner: "block", columns: names.map { $0.hasSuffix("_proj") ? String($0.dropLast(5)) : $0 },
                rows: blocks.map(String.init),
                values: blocks.map { block in
                    names.map { name in
                        channels.linears.first { $0.block == block && $0.name == name }.flatMap(value)
                    }
                }, text: { Quantity.fixed(100 * $0, decimals: 0) })
            return .figure(
                ReportFigure(
                    id: id, title: title, caption: caption, chart: .heatMap(map), table: map.table, commands: source))
        }
        let retained = map(
            "retained", "Retained saliency, in per cent",
            "The share of each linear's saliency that the 2:4 mask keeps, calibrated on \(setting). Half would be chance.",
            \.retainedSaliency)
        let error = map(
            "error", "Output error, in per cent",
            """
            How far each linear's outputs are from what its dense weights would give on the same inputs: the norm of the difference \
            over the norm of the outputs, over all calibration tokens. Darker is worse in light mode, brighter is worse in dark mode.
            """, \.outputError)
        return ReportSection(
            id: "channels", title: "Inside: channels and outputs",
            blocks: [retained, error, distributions(channels, source)].compactMap { $0 })
    }

    private func distributions(_ channels: ChannelFindings, _ source: [ReportCommand]) -> ReportBlock {
        func chart(_ title: String, _ spread: ChannelFindings.Spread) -> DistributionChart {
            let range = 0.0...2.0
            return DistributionChart(
                title: title, axis: "mean of a group of \(channels.group) channels over its site's mean", range: range,
                series: [
                    DistributionChart.Series(
                        "before the shuffle", values: spread.before, range: range, bins: 40, isAccent: false),
                    DistributionChart.Series("after", values: spread.after, range: range, bins: 40, isAccent: true),
                ])
        }
        let spreads = [("Amplitude", channels.amplitude)] + (channels.entropy.map { [("Entropy", $0)] } ?? [])
        var table = TextTable(header: ["middle half of the groups' means", "before", "after"])
        for (name, spread) in spreads {
            let (before, after) = spread.middleHalves
            table.append([name, Quantity.fixed(before, decimals: 3), Quantity.fixed(after, decimals: 3)])
        }
        return .figure(
            ReportFigure(
                id: "distributions", title: "Groups of channels before and after the shuffle",
                caption: """
                    Weights compete inside groups of \(channels.group) channels. The shuffle is to give every group its share of strong \
                    channels, so that no group must drop much and none is full of weak ones: the closer the groups' means are to 1, the \
                    better dealt they are. The table has the width of their middle half. The last bin holds all beyond it.
                    """,
                chart: .distributions(spreads.map(chart)), table: table, commands: source))
    }
}
