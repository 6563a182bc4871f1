// Rounding a tensor of singles to a shorter type.

extension Tensor {
    /// The same values as BF16 (rounded to nearest, ties to even) or F32.
    ///
    /// - Throws: `TensorError.notFloatingPoint` for integer tensors and for other target types.
    public func converted(to type: ElementType) throws(TensorError) -> Tensor {
        if type == elementType { return self }
        switch type {
        case .float32: return try Tensor(floats(), shape: shape)
        case .bfloat16:
            let bits = try floats().map { BFloat16($0).bitPattern }
            return try Tensor(elementType: .bfloat16, shape: shape, storage: ByteStorage(copying: bits))
        default: throw .notFloatingPoint(type)
        }
    }
}
