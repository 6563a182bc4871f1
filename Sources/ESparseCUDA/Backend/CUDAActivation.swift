// Values of all tokens of a batch in a device's memory.

import ESparseCore

/// Values on a device, row-major `[tokens, channels]`: value `(t, c)` is element `t * channels + c`.
///
/// The residual stream and logits are single precision; what enters a product or an attention has 16 bits. A value type: copies share
/// memory until one of them is changed. There is memory for `paddedTokens` rows; those beyond the tokens hold nothing of meaning.
package struct CUDAActivation: Sendable {
    /// How a value is stored.
    package enum Element: Sendable {
        /// Single precision.
        case float32
        /// The type that the backend multiplies in.
        case half

        var byteCount: Int { self == .float32 ? 4 : 2 }
    }

    /// T: rows.
    package let tokens: Int
    /// Values in a row.
    package let channels: Int
    /// How values are stored.
    package let element: Element
    private var buffer: DeviceBuffer

    /// Number of values.
    var count: Int { tokens * channels }
    /// All rows, padding included.
    var slice: DeviceSlice { buffer.all }

    /// Takes memory; its contents are not defined.
    init(tokens: Int, channels: Int, element: Element, device: CUDADevice) throws(CUDAError) {
        precondition(tokens >= 0 && channels > 0, "an activation needs channels")
        self.tokens = tokens
        self.channels = channels
        self.element = element
        buffer = try device.scratch(Self.paddedTokens(tokens) * channels * element.byteCount)
    }

    /// Rows from `first` on, to be read.
    func slice(fromToken first: Int) -> DeviceSlice { buffer.slice(from: first * channels * element.byteCount) }

    /// Rows that there is memory for. cuSPARSELt needs multiples, and rounding up to few sizes keeps its plans few.
    package static func paddedTokens(_ tokens: Int) -> Int {
        let unit = tokens <= 64 ? 8 : 64
        return (tokens + unit - 1) / unit * unit
    }

    /// The values, to be changed; they are copied first where another activation shares them.
    mutating func mutableSlice() throws(CUDAError) -> DeviceSlice {
        if !isKnownUniquelyReferenced(&buffer) {
            let copy = try buffer.device.scratch(buffer.byteCount)
            try copy.all.copy(from: buffer.all, byteCount: count * element.byteCount)
            buffer = copy
        }
        return buffer.all
    }
}

extension CUDAContext {
    /// Memory for an activation.
    func makeActivation(
        tokens: Int, channels: Int, _ element: CUDAActivation.Element
    ) throws(CUDAError) -> CUDAActivation {
        try CUDAActivation(tokens: tokens, channels: channels, element: element, device: device)
    }

    /// The same values in 16 bits.
    func halves(of activation: CUDAActivation) throws(CUDAError) -> CUDAActivation {
        try converted(activation, to: .half, by: "esparse_round")
    }

    /// The same values in single precision.
    func singles(of activation: CUDAActivation) throws(CUDAError) -> CUDAActivation {
        try converted(activation, to: .float32, by: "esparse_widen")
    }

    private func converted(
        _ activation: CUDAActivation, to element: CUDAActivation.Element, by kernel: String
    ) throws(CUDAError) -> CUDAActivation {
        guard activation.element != element else { return activation }
        let output = try makeActivation(tokens: activation.tokens, channels: activation.channels, element)
        try launchElements(
            "\(kernel)_\(type.rawValue)", count: activation.count, [.pointer(activation.slice)], output: output.slice)
        return output
    }
}
