// cuBLASLt's functions, looked up once.

import CESparseCUDA

/// Functions of libcublasLt.
@safe struct DenseFunctions {
    let getStatusString: esparse_cublasLtGetStatusString
    let getProperty: esparse_cublasLtGetProperty
    let create: esparse_cublasLtCreate
    let destroy: esparse_cublasLtDestroy
    let productCreate: esparse_cublasLtMatmulDescCreate
    let productDestroy: esparse_cublasLtMatmulDescDestroy
    let productSetAttribute: esparse_cublasLtMatmulDescSetAttribute
    let layoutCreate: esparse_cublasLtMatrixLayoutCreate
    let layoutDestroy: esparse_cublasLtMatrixLayoutDestroy
    let preferenceCreate: esparse_cublasLtMatmulPreferenceCreate
    let preferenceDestroy: esparse_cublasLtMatmulPreferenceDestroy
    let preferenceSetAttribute: esparse_cublasLtMatmulPreferenceSetAttribute
    let getHeuristic: esparse_cublasLtMatmulAlgoGetHeuristic
    let multiply: esparse_cublasLtMatmul

    /// Looks all of them up.
    ///
    /// - Throws: `CUDAError.symbolMissing`.
    init(_ library: DynamicLibrary) throws(CUDAError) {
        unsafe getStatusString = try library.function("cublasLtGetStatusString")
        unsafe getProperty = try library.function("cublasLtGetProperty")
        unsafe create = try library.function("cublasLtCreate")
        unsafe destroy = try library.function("cublasLtDestroy")
        unsafe productCreate = try library.function("cublasLtMatmulDescCreate")
        unsafe productDestroy = try library.function("cublasLtMatmulDescDestroy")
        unsafe productSetAttribute = try library.function("cublasLtMatmulDescSetAttribute")
        unsafe layoutCreate = try library.function("cublasLtMatrixLayoutCreate")
        unsafe layoutDestroy = try library.function("cublasLtMatrixLayoutDestroy")
        unsafe preferenceCreate = try library.function("cublasLtMatmulPreferenceCreate")
        unsafe preferenceDestroy = try library.function("cublasLtMatmulPreferenceDestroy")
        unsafe preferenceSetAttribute = try library.function("cublasLtMatmulPreferenceSetAttribute")
        unsafe getHeuristic = try library.function("cublasLtMatmulAlgoGetHeuristic")
        unsafe multiply = try library.function("cublasLtMatmul")
    }
}
