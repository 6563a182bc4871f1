// The few calls of oneDNN that the CPU backend needs, the same for versions 2 and 3.
#ifndef ESPARSE_DNNL_H
#define ESPARSE_DNNL_H
#endif
