// Which of the measured kernels tuning chooses.

package import ESparseCore

/// How tuning weighs times.
package enum TuningChoice {
    /// Another kernel must be this much faster than the rules' to be preferred: differences below are noise.
    private static let margin = 1.02
    /// A kernel whose best first try is this much slower than the best of all is out.
    static let hopeless = 2.0

    /// The kernel with the shortest time, but `rule` where it is as good as that.
    package static func fastest(_ seconds: [KernelName: Double], preferring rule: KernelName) -> KernelName {
        let ordered = seconds.sorted { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) }
        guard let best = ordered.first else { return rule }
        guard let ruleSeconds = seconds[rule] else { return best.key }
        return ruleSeconds <= best.value * margin ? rule : best.key
    }
}
