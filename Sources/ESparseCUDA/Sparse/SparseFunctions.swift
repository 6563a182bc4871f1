// cuSPARSELt's functions, looked up once.

import CESparseCUDA

/// Functions of libcusparseLt.
@safe struct SparseFunctions {
    let getErrorString: esparse_cusparseLtGetErrorString
    let getProperty: esparse_cusparseLtGetProperty
    let create: esparse_cusparseLtInit
    let destroy: esparse_cusparseLtDestroy
    let denseDescriptorInit: esparse_cusparseLtDenseDescriptorInit
    let structuredDescriptorInit: esparse_cusparseLtStructuredDescriptorInit
    let matrixDestroy: esparse_cusparseLtMatDescriptorDestroy
    let productInit: esparse_cusparseLtMatmulDescriptorInit
    let productSetAttribute: esparse_cusparseLtMatmulDescSetAttribute
    let selectionInit: esparse_cusparseLtMatmulAlgSelectionInit
    /// Only newer versions have and need it.
    let selectionDestroy: esparse_cusparseLtMatmulAlgSelectionDestroy?
    let selectionSetAttribute: esparse_cusparseLtMatmulAlgSetAttribute
    let selectionGetAttribute: esparse_cusparseLtMatmulAlgGetAttribute
    let planInit: esparse_cusparseLtMatmulPlanInit
    let planDestroy: esparse_cusparseLtMatmulPlanDestroy
    let getWorkspace: esparse_cusparseLtMatmulGetWorkspace
    let multiply: esparse_cusparseLtMatmul
    let search: esparse_cusparseLtMatmul
    let pruneCheck: esparse_cusparseLtSpMMAPruneCheck2
    let compressedSize: esparse_cusparseLtSpMMACompressedSize2
    let compress: esparse_cusparseLtSpMMACompress2

    /// Looks all of them up.
    ///
    /// - Throws: `CUDAError.symbolMissing`.
    init(_ library: DynamicLibrary) throws(CUDAError) {
        unsafe getErrorString = try library.function("cusparseLtGetErrorString")
        unsafe getProperty = try library.function("cusparseLtGetProperty")
        unsafe create = try library.function("cusparseLtInit")
        unsafe destroy = try library.function("cusparseLtDestroy")
        unsafe denseDescriptorInit = try library.function("cusparseLtDenseDescriptorInit")
        unsafe structuredDescriptorInit = try library.function("cusparseLtStructuredDescriptorInit")
        unsafe matrixDestroy = try library.function("cusparseLtMatDescriptorDestroy")
        unsafe productInit = try library.function("cusparseLtMatmulDescriptorInit")
        unsafe productSetAttribute = try library.function("cusparseLtMatmulDescSetAttribute")
        unsafe selectionInit = try library.function("cusparseLtMatmulAlgSelectionInit")
        unsafe selectionDestroy = library.optionalFunction("cusparseLtMatmulAlgSelectionDestroy")
        unsafe selectionSetAttribute = try library.function("cusparseLtMatmulAlgSetAttribute")
        unsafe selectionGetAttribute = try library.function("cusparseLtMatmulAlgGetAttribute")
        unsafe planInit = try library.function("cusparseLtMatmulPlanInit")
        unsafe planDestroy = try library.function("cusparseLtMatmulPlanDestroy")
        unsafe getWorkspace = try library.function("cusparseLtMatmulGetWorkspace")
        unsafe multiply = try library.function("cusparseLtMatmul")
        unsafe search = try library.function("cusparseLtMatmulSearch")
        unsafe pruneCheck = try library.function("cusparseLtSpMMAPruneCheck2")
        unsafe compressedSize = try library.function("cusparseLtSpMMACompressedSize2")
        unsafe compress = try library.function("cusparseLtSpMMACompress2")
    }
}
