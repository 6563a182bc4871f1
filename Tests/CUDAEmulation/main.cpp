// Runs every check of the kernels under emulation; exit code 1 when one fails.
#include "check.h"

int failures;

int main() {
    check_normalizations();
    check_sparse_products();
    check_layers();
    check_attention();
    check_pruning();
    check_sampling();
    check_refinement();
    printf("%s\n", failures ? "FAILED" : "all kernels agree with their references");
    return failures != 0;
}
