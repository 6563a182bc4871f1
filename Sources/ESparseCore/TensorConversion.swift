// Tensors rounded to another type, or copied.

extension Tensor {
    /// The same values as BF16, F16 (both rounded to nearest, ties to even) or F32.
    ///
    /// - Throws: `TensorError.notFloatingPoint` for integer tensors and for other target types.
    public func converted(to type: ElementType) throws(TensorError) -> Tensor {
        if type == elementType { return self }
        switch type {
        case .float32: return try Tensor(floats(), shape: shape)
        case .bfloat16:
            let bits = try floats().map { BFloat16($0).bitPattern }
            return try Tensor(elementType: .bfloat16, shape: shape, storage: ByteStorage(copying: bits))
        case .float16:
            let bits = try floats().map { Float16($0).bitPattern }
            return try Tensor(elementType: .float16, shape: shape, storage: ByteStorage(copying: bits))
        default: throw .notFloatingPoint(type)
        }
    }

    /// The same tensor in aligned memory of its own.
    package func copied() throws(TensorError) -> Tensor {
        let copy = unsafe ByteStorage(byteCount: byteCount) { target in
            unsafe withUnsafeBytes { unsafe target.copyMemory(from: $0) }
        }
        return try Tensor(elementType: elementType, shape: shape, storage: copy)
    }
}
