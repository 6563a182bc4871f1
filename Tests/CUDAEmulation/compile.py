#!/usr/bin/env python3
"""Compiles every kernel file by NVRTC for two architectures; a warning is a failure.

  compile.py LIBNVRTC FOLDER
"""
import ctypes
import pathlib
import re
import sys

ARCHITECTURES = ("sm_80", "sm_90")


class NVRTC:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.nvrtcGetErrorString.restype = ctypes.c_char_p

    def call(self, name, *arguments):
        code = getattr(self.library, name)(*arguments)
        return code, self.library.nvrtcGetErrorString(code).decode()

    def compile(self, source, headers, options):
        """Code, log and the machine code's size."""
        program = ctypes.c_void_p()
        count = len(headers)
        texts = (ctypes.c_char_p * count)(*[path.read_bytes() for path in headers])
        names = (ctypes.c_char_p * count)(*[path.name.encode() for path in headers])
        code, reason = self.call("nvrtcCreateProgram", ctypes.byref(program), source.read_bytes(), source.name.encode(),
                                 count, texts, names)
        if code:
            sys.exit(f"error: NVRTC cannot make a program of {source.name}: {reason}")
        words = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
        code, reason = self.call("nvrtcCompileProgram", program, len(options), words)
        size = ctypes.c_size_t()
        self.call("nvrtcGetProgramLogSize", program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value or 1)
        self.call("nvrtcGetProgramLog", program, log)
        image = ctypes.c_size_t()
        if not code:
            self.call("nvrtcGetCUBINSize", program, ctypes.byref(image))
        self.call("nvrtcDestroyProgram", ctypes.byref(program))
        return code, log.value.decode().strip(), image.value


def main():
    library, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    nvrtc = NVRTC(library)
    headers, sources = sorted(folder.glob("*.cuh")), sorted(folder.glob("*.cu"))
    failed = not sources
    for source in sources:
        sizes = []
        for architecture in ARCHITECTURES:
            options = [f"--gpu-architecture={architecture}", "--std=c++17", "--ptxas-options=-warn-spills"]
            code, log, size = nvrtc.compile(source, headers, options)
            sizes.append(f"{architecture} {size} bytes")
            if code or re.search("warning|error", log):
                failed = True
                print(log)
        print(f"{source.name:28} {', '.join(sizes)}")
    sys.exit("error: some kernels do not compile cleanly" if failed else 0)


if __name__ == "__main__":
    main()
