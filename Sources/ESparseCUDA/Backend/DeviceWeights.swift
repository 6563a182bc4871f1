// Copies weights to a device and converts them there to the type that products take.

import ESparseCore

extension CUDAContext {
    /// A tensor's elements on the device in the type that products take; others are rounded to it, to nearest, ties to even.
    ///
    /// - Throws: `CUDAWeightError.elementType` for integers; `CUDAError`.
    func halves(of tensor: Tensor, role: String) throws -> DeviceBuffer {
        let stored = try device.buffer(bytesOf: tensor)
        let count = tensor.elementCount
        let singles: DeviceBuffer
        switch (tensor.elementType, type) {
        case (.bfloat16, .bfloat16), (.float16, .float16): return stored
        case (.float32, _): singles = stored
        case (.bfloat16, _), (.float16, _):
            let name = tensor.elementType == .bfloat16 ? HalfType.bfloat16 : .float16
            singles = try device.allocate(4 * count)
            try launchElements(
                "esparse_widen_\(name.rawValue)", count: count, [.pointer(stored.all)], output: singles.all)
        default: throw CUDAWeightError.elementType(tensor.elementType, role: role)
        }
        let rounded = try device.allocate(2 * count)
        try launchElements(
            "esparse_round_\(type.rawValue)", count: count, [.pointer(singles.all)], output: rounded.all)
        return rounded
    }
}

/// A bias on a device, in both types that products write.
struct DeviceBias: Sendable {
    /// `[rows]`, f32.
    let singles: DeviceBuffer
    /// `[rows]`, the type that products take.
    let halves: DeviceBuffer

    init(_ bias: Tensor, rows: Int, context: CUDAContext) throws {
        guard bias.shape == [rows] else {
            throw CUDAWeightError.shape(bias.shape, role: "a bias", expected: [rows])
        }
        guard bias.elementType.isFloatingPoint else {
            throw CUDAWeightError.elementType(bias.elementType, role: "a bias")
        }
        singles = try context.device.buffer(bias.floats())
        halves = try context.halves(of: bias, role: "a bias")
    }
}
