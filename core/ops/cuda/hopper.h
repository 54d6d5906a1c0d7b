// Instructions of Hopper GPUs that CUDA C++ has no functions for: barriers that count bytes, copies
// of described tensors, and products of warp groups. For device code compiled for sm_90a.
#pragma once

#include <cuda.h>

#include <cstdint>

namespace parallax::cuda {

__device__ inline std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

__device__ inline void init_barrier(std::uint64_t* barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
               "r"(arrivals)
               : "memory");
}

__device__ inline void expect_bytes(std::uint64_t* barrier, int bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}

__device__ inline void arrive(std::uint64_t* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier))
               : "memory");
}

__device__ inline void wait(std::uint64_t* barrier, int phase) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@done bra.uni ready;\n"
      "bra.uni again;\n"
      "ready:\n"
      "}\n" ::"r"(shared_address(barrier)),
      "r"(phase)
      : "memory");
}

// Copies the box at (column, row, batch) of a described tensor; the barrier learns of its bytes.
__device__ inline void copy_box(void* to,
                                const CUtensorMap& tensor,
                                int column,
                                int row,
                                int batch,
                                std::uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, "
      "%3, %4}], [%5];" ::"r"(shared_address(to)),
      "l"(&tensor),
      "r"(column),
      "r"(row),
      "r"(batch),
      "r"(shared_address(barrier))
      : "memory");
}

// A tile whose rows are 128 bytes, swizzled, as wgmma is told of it: its address and the 1,024
// bytes from eight rows to the next eight, both in units of 16 bytes.
__device__ inline std::uint64_t describe_tile(const void* tile) {
  constexpr std::uint64_t kSwizzle128 = std::uint64_t{1} << 62U;
  constexpr std::uint64_t kEightRows = std::uint64_t{1024 >> 4} << 32U;
  constexpr std::uint64_t kUnused = std::uint64_t{1} << 16U;
  return ((shared_address(tile) & 0x3FFFFU) >> 4U) | kUnused | kEightRows | kSwizzle128;
}

// clang-format off: 128 registers
// sums (+)= a bᵀ for 16 of the tiles' columns; `adds` is 0 for the first.
__device__ inline void multiply(float (&d)[128], std::uint64_t a, std::uint64_t b, int adds) {
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "setp.ne.b32 p, %130, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "
      "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "
      "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "
      "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "
      "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, "
      "%127"
      "}, %128, %129, p, 1, 1, 0, 0;\n"
      "}\n"
      : "+f"(d[0]),
        "+f"(d[1]),
        "+f"(d[2]),
        "+f"(d[3]),
        "+f"(d[4]),
        "+f"(d[5]),
        "+f"(d[6]),
        "+f"(d[7]),
        "+f"(d[8]),
        "+f"(d[9]),
        "+f"(d[10]),
        "+f"(d[11]),
        "+f"(d[12]),
        "+f"(d[13]),
        "+f"(d[14]),
        "+f"(d[15]),
        "+f"(d[16]),
        "+f"(d[17]),
        "+f"(d[18]),
        "+f"(d[19]),
        "+f"(d[20]),
        "+f"(d[21]),
        "+f"(d[22]),
        "+f"(d[23]),
        "+f"(d[24]),
        "+f"(d[25]),
        "+f"(d[26]),
        "+f"(d[27]),
        "+f"(d[28]),
        "+f"(d[29]),
        "+f"(d[30]),
        "+f"(d[31]),
        "+f"(d[32]),
        "+f"(d[33]),
        "+f"(d[34]),
        "+f"(d[35]),
        "+f"(d[36]),
        "+f"(d[37]),
        "+f"(d[38]),
        "+f"(d[39]),
        "+f"(d[40]),
        "+f"(d[41]),
        "+f"(d[42]),
        "+f"(d[43]),
        "+f"(d[44]),
        "+f"(d[45]),
        "+f"(d[46]),
        "+f"(d[47]),
        "+f"(d[48]),
        "+f"(d[49]),
        "+f"(d[50]),
        "+f"(d[51]),
        "+f"(d[52]),
        "+f"(d[53]),
        "+f"(d[54]),
        "+f"(d[55]),
        "+f"(d[56]),
        "+f"(d[57]),
        "+f"(d[58]),
        "+f"(d[59]),
        "+f"(d[60]),
        "+f"(d[61]),
        "+f"(d[62]),
        "+f"(d[63]),
        "+f"(d[64]),
        "+f"(d[65]),
        "+f"(d[66]),
        "+f"(d[67]),
        "+f"(d[68]),
        "+f"(d[69]),
        "+f"(d[70]),
        "+f"(d[71]),
        "+f"(d[72]),
        "+f"(d[73]),
        "+f"(d[74]),
        "+f"(d[75]),
        "+f"(d[76]),
        "+f"(d[77]),
        "+f"(d[78]),
        "+f"(d[79]),
        "+f"(d[80]),
        "+f"(d[81]),
        "+f"(d[82]),
        "+f"(d[83]),
        "+f"(d[84]),
        "+f"(d[85]),
        "+f"(d[86]),
        "+f"(d[87]),
        "+f"(d[88]),
        "+f"(d[89]),
        "+f"(d[90]),
        "+f"(d[91]),
        "+f"(d[92]),
        "+f"(d[93]),
        "+f"(d[94]),
        "+f"(d[95]),
        "+f"(d[96]),
        "+f"(d[97]),
        "+f"(d[98]),
        "+f"(d[99]),
        "+f"(d[100]),
        "+f"(d[101]),
        "+f"(d[102]),
        "+f"(d[103]),
        "+f"(d[104]),
        "+f"(d[105]),
        "+f"(d[106]),
        "+f"(d[107]),
        "+f"(d[108]),
        "+f"(d[109]),
        "+f"(d[110]),
        "+f"(d[111]),
        "+f"(d[112]),
        "+f"(d[113]),
        "+f"(d[114]),
        "+f"(d[115]),
        "+f"(d[116]),
        "+f"(d[117]),
        "+f"(d[118]),
        "+f"(d[119]),
        "+f"(d[120]),
        "+f"(d[121]),
        "+f"(d[122]),
        "+f"(d[123]),
        "+f"(d[124]),
        "+f"(d[125]),
        "+f"(d[126]),
        "+f"(d[127])
      : "l"(a), "l"(b), "r"(adds));
}
// clang-format on

__device__ inline void begin_products() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ inline void end_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int pending>
__device__ void wait_for_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}

}  // namespace parallax::cuda
