// The registry of pruning methods.

/// The pruning methods there are; `esparse prune --method` takes their names.
public enum PruningMethods {
    /// Every method with its usual settings; the first is the default.
    public static let all: [any PruningMethod] = [ESparse.standard, Wanda(), Magnitude(), RIA(), SparseGPT()]

    /// The method of this name.
    public static func named(_ name: String) -> (any PruningMethod)? { all.first { $0.name == name } }
}
