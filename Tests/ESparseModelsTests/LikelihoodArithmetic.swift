// The plain formula that likelihoods are compared with.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// `-ln softmax(logits)[target]`.
func negativeLogSoftmax(_ logits: [Double], _ target: Int) -> Double {
    let largest = logits.max() ?? 0
    return largest + log(logits.reduce(0) { $0 + exp($1 - largest) }) - logits[target]
}
