// The driver's functions, looked up once.

import CESparseCUDA

/// Functions of libcuda, by their names without the prefix `cu` and the version's suffix.
@safe struct DriverFunctions {
    let getErrorString: esparse_cuGetErrorString
    let initialize: esparse_cuInit
    let driverGetVersion: esparse_cuDriverGetVersion
    let deviceGetCount: esparse_cuDeviceGetCount
    let deviceGet: esparse_cuDeviceGet
    let deviceGetName: esparse_cuDeviceGetName
    let deviceGetAttribute: esparse_cuDeviceGetAttribute
    let deviceTotalMem: esparse_cuDeviceTotalMem_v2
    let deviceGetDefaultMemPool: esparse_cuDeviceGetDefaultMemPool
    let primaryContextRetain: esparse_cuDevicePrimaryCtxRetain
    let primaryContextRelease: esparse_cuDevicePrimaryCtxRelease_v2
    let contextSetCurrent: esparse_cuCtxSetCurrent
    let memGetInfo: esparse_cuMemGetInfo_v2
    let memPoolSetAttribute: esparse_cuMemPoolSetAttribute
    let memAllocAsync: esparse_cuMemAllocAsync
    let memFreeAsync: esparse_cuMemFreeAsync
    let memAllocHost: esparse_cuMemAllocHost_v2
    let memFreeHost: esparse_cuMemFreeHost
    let copyToDevice: esparse_cuMemcpyHtoDAsync_v2
    let copyToHost: esparse_cuMemcpyDtoHAsync_v2
    let copyOnDevice: esparse_cuMemcpyDtoDAsync_v2
    let fill: esparse_cuMemsetD8Async
    let streamCreate: esparse_cuStreamCreate
    let streamDestroy: esparse_cuStreamDestroy_v2
    let streamSynchronize: esparse_cuStreamSynchronize
    let streamBeginCapture: esparse_cuStreamBeginCapture_v2
    let streamEndCapture: esparse_cuStreamEndCapture
    let eventCreate: esparse_cuEventCreate
    let eventDestroy: esparse_cuEventDestroy_v2
    let eventRecord: esparse_cuEventRecord
    let eventSynchronize: esparse_cuEventSynchronize
    let eventElapsedTime: esparse_cuEventElapsedTime
    let moduleLoadData: esparse_cuModuleLoadData
    let moduleUnload: esparse_cuModuleUnload
    let moduleGetFunction: esparse_cuModuleGetFunction
    let functionSetAttribute: esparse_cuFuncSetAttribute
    let launchKernel: esparse_cuLaunchKernel
    let graphInstantiate: esparse_cuGraphInstantiateWithFlags
    let graphLaunch: esparse_cuGraphLaunch
    let graphRunDestroy: esparse_cuGraphExecDestroy
    let graphDestroy: esparse_cuGraphDestroy

    /// Looks all of them up.
    ///
    /// - Throws: `CUDAError.symbolMissing`.
    init(_ library: DynamicLibrary) throws(CUDAError) {
        unsafe getErrorString = try library.function("cuGetErrorString")
        initialize = try library.function("cuInit")
        unsafe driverGetVersion = try library.function("cuDriverGetVersion")
        unsafe deviceGetCount = try library.function("cuDeviceGetCount")
        unsafe deviceGet = try library.function("cuDeviceGet")
        unsafe deviceGetName = try library.function("cuDeviceGetName")
        unsafe deviceGetAttribute = try library.function("cuDeviceGetAttribute")
        unsafe deviceTotalMem = try library.function("cuDeviceTotalMem_v2")
        unsafe deviceGetDefaultMemPool = try library.function("cuDeviceGetDefaultMemPool")
        unsafe primaryContextRetain = try library.function("cuDevicePrimaryCtxRetain")
        primaryContextRelease = try library.function("cuDevicePrimaryCtxRelease_v2")
        unsafe contextSetCurrent = try library.function("cuCtxSetCurrent")
        unsafe memGetInfo = try library.function("cuMemGetInfo_v2")
        unsafe memPoolSetAttribute = try library.function("cuMemPoolSetAttribute")
        unsafe memAllocAsync = try library.function("cuMemAllocAsync")
        unsafe memFreeAsync = try library.function("cuMemFreeAsync")
        unsafe memAllocHost = try library.function("cuMemAllocHost_v2")
        unsafe memFreeHost = try library.function("cuMemFreeHost")
        unsafe copyToDevice = try library.function("cuMemcpyHtoDAsync_v2")
        unsafe copyToHost = try library.function("cuMemcpyDtoHAsync_v2")
        unsafe copyOnDevice = try library.function("cuMemcpyDtoDAsync_v2")
        unsafe fill = try library.function("cuMemsetD8Async")
        unsafe streamCreate = try library.function("cuStreamCreate")
        unsafe streamDestroy = try library.function("cuStreamDestroy_v2")
        unsafe streamSynchronize = try library.function("cuStreamSynchronize")
        unsafe streamBeginCapture = try library.function("cuStreamBeginCapture_v2")
        unsafe streamEndCapture = try library.function("cuStreamEndCapture")
        unsafe eventCreate = try library.function("cuEventCreate")
        unsafe eventDestroy = try library.function("cuEventDestroy_v2")
        unsafe eventRecord = try library.function("cuEventRecord")
        unsafe eventSynchronize = try library.function("cuEventSynchronize")
        unsafe eventElapsedTime = try library.function("cuEventElapsedTime")
        unsafe moduleLoadData = try library.function("cuModuleLoadData")
        unsafe moduleUnload = try library.function("cuModuleUnload")
        unsafe moduleGetFunction = try library.function("cuModuleGetFunction")
        unsafe functionSetAttribute = try library.function("cuFuncSetAttribute")
        unsafe launchKernel = try library.function("cuLaunchKernel")
        unsafe graphInstantiate = try library.function("cuGraphInstantiateWithFlags")
        unsafe graphLaunch = try library.function("cuGraphLaunch")
        unsafe graphRunDestroy = try library.function("cuGraphExecDestroy")
        unsafe graphDestroy = try library.function("cuGraphDestroy")
    }
}
