/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What those files of Linux that read device trees use of the rest of it, for a program: the
 * names are Linux's, the bodies the least that will do. Locks do nothing, nobody else is there.
 *
 * Nothing in here judges a tree or knows of one: that is Linux's own code (see view.c).
 */
#ifndef TESTS_FDT_LINUX_SHIM_H
#define TESTS_FDT_LINUX_SHIM_H

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the compiler ---- */
#define __init
#define __initdata
#define __initconst
#define __ro_after_init
#define __refdata
#define __iomem
#define __user
#define __read_mostly
#define __force
#define __bitwise
#define __must_check
#define __weak			__attribute__((weak))
#define __used			__attribute__((used))
#define __packed		__attribute__((packed))
#define __aligned(n)		__attribute__((aligned(n)))
#define __maybe_unused		__attribute__((unused))
#define __always_inline		inline
#define __section(name)		__attribute__((section(name)))
#define __cleanup(f)		__attribute__((cleanup(f)))
#define fallthrough		__attribute__((fallthrough))
#define __printf(a, b)
#define likely(x)		(x)
#define unlikely(x)		(x)
#define barrier()		do { } while (0)
#define READ_ONCE(x)		(x)
#define EXPORT_SYMBOL(x)	extern int shim_exported
#define EXPORT_SYMBOL_GPL(x)	EXPORT_SYMBOL(x)
#define EXPORT_SYMBOL_NS_GPL(x, n) EXPORT_SYMBOL(x)
#define module_param(a, b, c)
#define MODULE_PARM_DESC(a, b)
#define late_initcall(f)
#define core_initcall(f)
#define early_param(a, f)
#define __setup(a, f)
#define unreachable()		__builtin_unreachable()
#define BUG()			abort()
#define BUG_ON(x)		do { if (x) abort(); } while (0)
#define WARN_ON(x)		(!!(x))
#define WARN_ON_ONCE(x)		(!!(x))
#define WARN(x, ...)		(!!(x))
#define BUILD_BUG_ON(x)		_Static_assert(!(x), #x)
#define might_sleep()
#define IS_ENABLED(option)	SHIM_ENABLED(option)
#define SHIM_ENABLED(option)	(#option[0] == '1')
#define IS_BUILTIN(option)	IS_ENABLED(option)

/* ---- types and numbers ---- */
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef u32 __be32;
typedef u64 __be64;
typedef u32 __le32;
typedef u16 __be16;
typedef u64 phys_addr_t;
typedef u64 dma_addr_t;
typedef u64 resource_size_t;
typedef unsigned int gfp_t;
typedef unsigned long kernel_ulong_t;
typedef struct { unsigned char b[16]; } guid_t, uuid_t;

#define PHYS_ADDR_MAX		(~(phys_addr_t)0)
#define U8_MAX			UINT8_MAX
#define U32_MAX			UINT32_MAX
#define SZ_1K			0x400
#define SZ_1M			0x100000
#define SZ_2M			0x200000
#define SZ_4G			0x100000000ULL
#define PAGE_SHIFT		12
#define PAGE_SIZE		(1UL << PAGE_SHIFT)
#define PAGE_MASK		(~(PAGE_SIZE - 1))
#define PAGE_ALIGN(x)		ALIGN(x, PAGE_SIZE)
#define PAGE_ALIGNED(x)		IS_ALIGNED((unsigned long)(x), PAGE_SIZE)
#define PFN_DOWN(x)		((unsigned long)((x) >> PAGE_SHIFT))
#define PAGE_OFFSET		0UL
#define SMP_CACHE_BYTES		64
#define COMMAND_LINE_SIZE	2048
#define BITS_PER_LONG		64
#define NUMA_NO_NODE		(-1)
#define __init_memblock
#define __meminit
#define __pa(x)			((phys_addr_t)(uintptr_t)(x))
#define ALIGN(x, a)		(((x) + ((typeof(x))(a) - 1)) & ~((typeof(x))(a) - 1))
#define IS_ALIGNED(x, a)	(((x) & ((typeof(x))(a) - 1)) == 0)
#define PTR_ALIGN(p, a)		((typeof(p))ALIGN((unsigned long)(p), (a)))
#define ARRAY_SIZE(x)		(sizeof(x) / sizeof(*(x)))
#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define min(a, b)		((a) < (b) ? (a) : (b))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define max_t(t, a, b)		max((t)(a), (t)(b))
#define min_t(t, a, b)		min((t)(a), (t)(b))
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))
#define roundup_pow_of_two(x)	64
#define overflows_type(x, y)	0
#define wrapping_sub(t, a, b)	((t)((a) - (b)))
#define check_add_overflow(a, b, r) __builtin_add_overflow(a, b, r)
#define array_size(a, b)	((size_t)(a) * (size_t)(b))
#define set_bit(n, p)		(*(p) |= 1UL << (n))
#define clear_bit(n, p)		(*(p) &= ~(1UL << (n)))
#define test_bit(n, p)		((*(p) >> (n)) & 1)
#define test_and_set_bit(n, p)	({ bool was_ = test_bit(n, p); set_bit(n, p); was_; })

static inline u32 be32_to_cpu(__be32 v) { return __builtin_bswap32(v); }
static inline __be32 cpu_to_be32(u32 v) { return __builtin_bswap32(v); }
static inline u32 be32_to_cpup(const __be32 *p) { return __builtin_bswap32(*p); }

enum { ENOENT = 2, EINTR = 4, EIO = 5, ENXIO = 6, EAGAIN = 11, ENOMEM = 12, EBUSY = 16,
	EEXIST = 17, ENODEV = 19, EINVAL = 22, ENOTTY = 25, ENOSPC = 28, ERANGE = 34,
	EDEADLK = 35, ENAMETOOLONG = 36, ENOSYS = 38, ENODATA = 61, EOVERFLOW = 75, EILSEQ = 84,
	EOPNOTSUPP = 95, EALREADY = 114, EPROBE_DEFER = 517, ENOTSUPP = 524 };
#define ERR_PTR(e)		((void *)(long)(e))
#define PTR_ERR(p)		((long)(p))
#define IS_ERR(p)		((unsigned long)(p) >= (unsigned long)-4095)
#define IS_ERR_OR_NULL(p)	(!(p) || IS_ERR(p))

/* ---- what Linux says: a line each, to be read by compare.py ---- */
void shim_say(const char *fmt, ...);
#define pr_err(fmt, ...)	shim_say(pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn(fmt, ...)	shim_say(pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn_once(fmt, ...)	do { } while (0)
#define pr_info(fmt, ...)	shim_say(pr_fmt(fmt), ##__VA_ARGS__)
#define printk(fmt, ...)	shim_say(fmt, ##__VA_ARGS__)
#define pr_debug(fmt, ...)	do { } while (0)
#define pr_cont(fmt, ...)	do { } while (0)
#define dev_warn(d, ...)	do { } while (0)
#define dev_dbg(d, ...)		do { } while (0)
#define dev_info(d, ...)	do { } while (0)
#define panic(...)		abort()
#define dump_stack()		do { } while (0)

/* ---- memory, locks, lists, text ---- */
#define GFP_KERNEL		0
#define kmalloc(n, f)		malloc(n)
#define kzalloc(n, f)		calloc(1, n)
#define kcalloc(n, s, f)	calloc(n, s)
#define kfree(p)		free((void *)(p))
#define kstrdup(s, f)		strdup(s)
#define kstrdup_const(s, f)	strdup(s)
#define kfree_const(p)		free((void *)(p))
#define kmemleak_ignore_phys(p)	do { } while (0)
struct mutex { int held; };
typedef struct { int held; } raw_spinlock_t, spinlock_t;
#define DEFINE_MUTEX(n)		struct mutex n
#define DEFINE_RAW_SPINLOCK(n)	raw_spinlock_t n
#define mutex_lock(m)		((void)(m))
#define mutex_unlock(m)		((void)(m))
#define raw_spin_lock_irqsave(l, f) ((void)(l), (f) = 0)
#define raw_spin_unlock_irqrestore(l, f) ((void)(l), (void)(f))
struct list_head { struct list_head *next, *prev; };
#define LIST_HEAD_INIT(n)	{ &(n), &(n) }
#define LIST_HEAD(n)		struct list_head n = LIST_HEAD_INIT(n)
static inline void list_add(struct list_head *n, struct list_head *h)
{
	n->next = h->next;
	n->prev = h;
	h->next->prev = n;
	h->next = n;
}
static inline void list_del(struct list_head *n)
{
	n->next->prev = n->prev;
	n->prev->next = n->next;
}
#define list_move_tail(n, h)	(list_del(n), list_add(n, (h)->prev))
#define list_add_tail(n, h)	list_add(n, (h)->prev)
#define list_entry(p, t, m)	container_of(p, t, m)
#define list_for_each_entry(p, h, m) \
	for (p = list_entry((h)->next, typeof(*p), m); &p->m != (h); \
	     p = list_entry(p->m.next, typeof(*p), m))
#define list_for_each_entry_safe(p, n, h, m) \
	for (p = list_entry((h)->next, typeof(*p), m), n = list_entry(p->m.next, typeof(*p), m); \
	     &p->m != (h); p = n, n = list_entry(n->m.next, typeof(*n), m))
#define sort(base, nr, size, compare, swap) qsort(base, nr, size, compare)
#define strscpy(d, s, n)	((void)snprintf(d, n, "%s", s))
static inline char *kbasename_(const char *path)
{
	const char *tail = strrchr(path, '/');

	return (char *)(tail ? tail + 1 : path);
}
#define kbasename(p)		kbasename_(p)
char *strchrnul(const char *s, int c);
int strcasecmp(const char *a, const char *b);
int strncasecmp(const char *a, const char *b, size_t n);
#define crc32_be(a, b, c)	0
#define add_bootloader_randomness(p, n)	do { } while (0)

/* ---- devices, which are not there ---- */
struct kobject { unsigned int state_initialized, state_in_sysfs; };
struct kobj_type { int unused; };
#define kobject_init(k, t)	((void)((k)->state_initialized = 1))
struct kset;
struct bin_attribute { int unused; };
struct attribute { int unused; };
struct fwnode_operations { int unused; };
struct fwnode_handle { const struct fwnode_operations *ops; u8 flags; };
#define fwnode_init(f, o)	((void)((f)->ops = (o)))
#define FWNODE_FLAG_NOT_DEVICE	2
struct device_node;
typedef struct pglist_data pg_data_t;
struct bus_dma_region { phys_addr_t cpu_start; dma_addr_t dma_start; u64 size, offset; };
struct device {
	struct device_node *of_node;
	u64 coherent_dma_mask, *dma_mask, bus_dma_limit;
	const struct bus_dma_region *dma_range_map;
};
struct resource {
	resource_size_t start, end;
	const char *name;
	unsigned long flags, desc;
	struct resource *parent, *sibling, *child;
};
#define IORESOURCE_IO		0x00000100
#define IORESOURCE_MEM		0x00000200
#define IORESOURCE_PREFETCH	0x00002000
#define IORESOURCE_MEM_NONPOSTED 0x08000000
#define IORESOURCE_MEM_64	0x00100000
#define PCI_BASE_ADDRESS_0	0x10
#define PCI_BASE_ADDRESS_SPACE_IO 1
struct logic_pio_hwaddr { unsigned long flags; };
#define LOGIC_PIO_CPU_MMIO	1
#define find_io_range_by_fwnode(f) ((struct logic_pio_hwaddr *)NULL)
#define logic_pio_trans_hwaddr(f, a, s) (~0UL)
#define pci_register_io_range(f, a, s) 0
#define pci_address_to_pio(a)	((unsigned long)(a))
#define ioremap(a, n)		NULL
#define ioremap_np(a, n)	NULL
#define iounmap(p)		do { } while (0)
#define request_mem_region(a, n, name) NULL
#define release_mem_region(a, n) do { } while (0)
#define resource_size(r)	((r)->end - (r)->start + 1)
#define IOMEM_ERR_PTR(e)	ERR_PTR(e)

#endif /* TESTS_FDT_LINUX_SHIM_H */
