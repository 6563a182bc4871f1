// One experiment: the command lines behind one figure, and an estimate of their work.

/// A command line of an experiment.
package struct ExperimentStep: Sendable, Equatable {
    /// Arguments of `esparse`, without `--json`.
    package let arguments: [String]
    /// The folder that a `prune` makes, which is removed when its experiment is done.
    package let folder: String?

    /// Makes a step.
    package init(_ arguments: [String], makes folder: String? = nil) {
        self.arguments = arguments
        self.folder = folder
    }

    /// Whether it can go on where it was stopped.
    package var isResumable: Bool { folder != nil && !arguments.contains("--diagnostics") }
}

/// About how long an experiment takes: tokens through the whole model, and seconds whatever the model is.
package struct ExperimentWork: Sendable, Equatable {
    /// Tokens through the model.
    package var tokens: Double
    /// Seconds that do not depend on the model.
    package var seconds: Double

    /// Makes an estimate.
    package init(tokens: Double = 0, seconds: Double = 0) {
        self.tokens = tokens
        self.seconds = seconds
    }
}

/// Commands that belong together and are recorded together.
package struct Experiment: Sendable {
    /// Unique in the plan; also the name of its record's file.
    package let id: String
    /// Which part of the reproduction it belongs to.
    package let group: ExperimentGroup
    /// For people, such as "Wanda, 2:4".
    package let title: String
    /// In order.
    package let steps: [ExperimentStep]
    /// How much work.
    package let work: ExperimentWork

    /// Makes an experiment.
    package init(id: String, group: ExperimentGroup, title: String, steps: [ExperimentStep], work: ExperimentWork) {
        self.id = id
        self.group = group
        self.title = title
        self.steps = steps
        self.work = work
    }
}
