// The experiments of a reproduction, in the order in which they run.

import ESparseFormats

/// The experiments that a set of settings asks for.
package struct ReproductionPlan: Sendable {
    /// In order.
    package let experiments: [Experiment]

    /// Plans all experiments of the settings' groups.
    ///
    /// - Parameter taskCount: zero-shot tasks in the settings' lists.
    package init(_ settings: ReproductionSettings, taskCount: Int) {
        let planner = Planner(settings: settings, taskCount: taskCount)
        let groups = settings.groups
        var experiments: [Experiment] = []
        if groups.contains(.main) { experiments += planner.main }
        // The sensitivity's reference is a cell of the ablation.
        if groups.contains(.ablation) {
            experiments += planner.ablation
        } else if groups.contains(.sensitivity) {
            experiments += planner.ablation.filter { experiment in
                Variation.all(for: settings).contains { $0.options == nil && $0.experiment == experiment.id }
            }
        }
        if groups.contains(.sensitivity) { experiments += planner.sensitivity }
        if groups.contains(.diagnostics) { experiments.append(planner.diagnostics) }
        if groups.contains(.gemm) { experiments.append(planner.gemm) }
        if groups.contains(.model) { experiments.append(planner.model) }
        self.experiments = experiments
    }
}

/// Makes experiments from settings.
private struct Planner {
    let settings: ReproductionSettings
    let taskCount: Int

    private var machine: [String] {
        ["--device", "cpu", "--precision", settings.precision, "--threads", "\(settings.threads)"]
    }

    private func folder(_ id: String) -> String { "\(settings.output)/work/\(id)/model" }

    /// A `prune` of one experiment. Of a repeated option only the last value counts, so the general options leave out what
    /// `options` names.
    private func prune(_ id: String, samples: Int, length: Int, options: [String], calibrates: Bool) -> ExperimentStep {
        let general = [
            ("--calibration", settings.calibration), ("--samples", "\(samples)"), ("--sequence-length", "\(length)"),
        ].filter { calibrates && !options.contains($0.0) }.flatMap { [$0.0, $0.1] }
        return ExperimentStep(
            ["prune", settings.model, "--output", folder(id)] + options + general + machine, makes: folder(id))
    }

    private func passes(_ options: [String]) -> Double {
        options.contains("magnitude") ? 0 : options.contains("paper") ? 3 : 2
    }

    // MARK: main

    var main: [Experiment] {
        let dense = Experiment(
            id: "main-dense", group: .main, title: "dense",
            steps: [evaluate(settings.model, tasks: true), ExperimentStep(["inspect", settings.model] + threads)],
            work: ExperimentWork(tokens: evaluationTokens(tasks: true)))
        return [dense]
            + ComparedMethod.patterns.flatMap { pattern in
                ComparedMethod.allCases.map { compared($0, pattern: pattern) }
            }
    }

    private var threads: [String] { ["--threads", "\(settings.threads)"] }

    private func compared(_ method: ComparedMethod, pattern: String) -> Experiment {
        let id = method.id(pattern: pattern)
        let step = prune(
            id, samples: settings.samples, length: settings.sequenceLength,
            options: ["--pattern", pattern] + method.options, calibrates: method != .magnitude)
        let tokens = passes(method.options) * Double(settings.samples * settings.sequenceLength)
        return Experiment(
            id: id, group: .main, title: "\(method.title), \(pattern)",
            steps: [step, evaluate(folder(id), tasks: method.answersTasks)]
                + (method == .eSparse ? [ExperimentStep(["inspect", folder(id)] + threads)] : []),
            work: ExperimentWork(tokens: tokens + evaluationTokens(tasks: method.answersTasks)))
    }

    private func evaluate(_ model: String, tasks answersTasks: Bool) -> ExperimentStep {
        var arguments = ["evaluate", model]
        if let text = settings.text {
            arguments += ["--text", text, "--sequence-length", "\(settings.sequenceLength)"]
            if let windows = settings.windows { arguments += ["--windows", "\(windows)"] }
        }
        if answersTasks {
            for tasks in settings.tasks { arguments += ["--tasks", tasks] }
            if !settings.tasks.isEmpty, let limit = settings.limit { arguments += ["--limit", "\(limit)"] }
        }
        return ExperimentStep(arguments + machine)
    }

    private func evaluationTokens(tasks answersTasks: Bool) -> Double {
        var tokens = 0.0
        if let text = settings.text {
            // Four bytes a token is usual for English.
            let all = Double(FileSystem.byteCount(of: text) / 4)
            tokens += settings.windows.map { min(all, Double($0 * settings.sequenceLength)) } ?? all
        }
        // An item of the usual tasks takes about 70 tokens; a few thousand items where all are asked.
        return tokens + (answersTasks ? 70 * Double(taskCount * (settings.limit ?? 3000)) : 0)
    }

    // MARK: ablation and sensitivity

    private func trial(
        _ id: String, _ group: ExperimentGroup, title: String, options: [String], samples: Int, length: Int
    ) -> Experiment {
        let step = prune(
            id, samples: samples, length: length, options: options, calibrates: !options.contains("magnitude"))
        let evaluation = ExperimentStep(
            [
                "evaluate", folder(id), "--text", settings.text ?? "", "--sequence-length",
                "\(settings.ablationWindowLength)", "--windows", "\(settings.ablationWindows)",
            ] + machine)
        let tokens =
            passes(options) * Double(samples * length)
            + Double(settings.ablationWindowLength * settings.ablationWindows)
        return Experiment(
            id: id, group: group, title: title, steps: [step, evaluation], work: ExperimentWork(tokens: tokens))
    }

    var ablation: [Experiment] {
        AblationScore.allCases.flatMap { score in
            AblationScore.shuffles.map { shuffle in
                trial(
                    score.id(shuffle: shuffle), .ablation, title: "\(score.title), shuffle \(shuffle)",
                    options: score.options + ["--shuffle", shuffle], samples: settings.ablationSamples,
                    length: settings.ablationSequenceLength)
            }
        }
    }

    var sensitivity: [Experiment] {
        var seen: Set<String> = []
        return Variation.all(for: settings).compactMap { variation in
            guard let options = variation.options, seen.insert(variation.experiment).inserted else { return nil }
            func number(_ option: String) -> Int? {
                options.firstIndex(of: option).flatMap { Int(options[$0 + 1]) }
            }
            return trial(
                variation.experiment, .sensitivity, title: "\(variation.setting) \(variation.value)", options: options,
                samples: number("--samples") ?? settings.ablationSamples,
                length: number("--sequence-length") ?? settings.ablationSequenceLength)
        }
    }

    // MARK: the rest

    var diagnostics: Experiment {
        let id = ReproductionFolder.diagnosticsName
        let step = prune(
            id, samples: settings.ablationSamples, length: settings.ablationSequenceLength,
            options: ["--diagnostics", ReproductionFolder.channelsPath(in: settings.output)], calibrates: true)
        return Experiment(
            id: id, group: .diagnostics, title: "channels and outputs of E-Sparse, 2:4", steps: [step],
            work: ExperimentWork(tokens: 2.5 * Double(settings.ablationSamples * settings.ablationSequenceLength)))
    }

    var gemm: Experiment {
        let numbers = settings.tokens.map(String.init).joined(separator: ",")
        let shapes = settings.shapes.split(separator: ",").count * (settings.shapes.contains("x") ? 1 : 4)
        return Experiment(
            id: "gemm", group: .gemm, title: "matrix products of \(settings.shapes)",
            steps: [
                ExperimentStep(
                    [
                        "benchmark", "gemm", "--shapes", settings.shapes, "--tokens", numbers, "--pattern",
                        ComparedMethod.patterns.joined(separator: ","), "--seconds", "\(settings.seconds)",
                    ] + machine)
            ],
            work: ExperimentWork(
                seconds: Double(shapes * settings.tokens.count * ComparedMethod.patterns.count)
                    * (settings.seconds + 2)))
    }

    var model: Experiment {
        let id = "model"
        let batch = settings.batch.map(String.init).joined(separator: ",")
        // Decoding a token takes about as long as ten tokens of a prompt.
        let tokens = settings.batch.reduce(0) { sum, batch in
            sum + settings.rounds * 2 * (batch * settings.promptTokens + 10 * settings.generateTokens)
        }
        return Experiment(
            id: id, group: .model, title: "the whole model, dense and packed",
            steps: [
                prune(
                    id, samples: 0, length: 0, options: ["--method", "magnitude", "--pattern", "2:4"], calibrates: false
                ),
                ExperimentStep(
                    [
                        "benchmark", "model", folder(id), "--prompt-tokens", "\(settings.promptTokens)",
                        "--generate-tokens", "\(settings.generateTokens)", "--batch", batch, "--rounds",
                        "\(settings.rounds)",
                    ] + machine),
            ],
            work: ExperimentWork(tokens: Double(tokens)))
    }
}
