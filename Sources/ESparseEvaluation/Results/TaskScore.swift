// A figure with its standard error, by lm-eval's formulas.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A figure of a task.
public struct TaskScore: Sendable, Equatable {
    /// What it measures.
    public let metric: TaskMetric
    /// The figure.
    public let value: Double
    /// Its standard error; nil for a single item. Of a mean, the sample's standard deviation (n - 1) over the root of n. Of a
    /// perplexity, the perplexity times the standard error of the mean loss, which is what lm-eval's bootstrap tends to.
    public let standardError: Double?

    /// Puts a score together.
    public init(metric: TaskMetric, value: Double, standardError: Double?) {
        self.metric = metric
        self.value = value
        self.standardError = standardError
    }
}

/// The mean of a sample and its standard error.
struct SampleMean {
    let value: Double
    /// Nil for fewer than two values.
    let standardError: Double?

    init(_ values: [Double]) {
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        value = mean
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        standardError = values.count > 1 ? (squares / (count - 1)).squareRoot() / count.squareRoot() : nil
    }
}

/// `exp` of the C library.
func exponential(_ value: Double) -> Double { exp(value) }
