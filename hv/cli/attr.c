// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma attr: explains memory attributes on Arm: what a guest's mapping comes to
 * behind the hypervisor's, what a client's memory needs, and what this host is.
 * All rules are hv/core/attr.h's.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "hv/cli/attr_names.h"
#include "hv/cli/options.h"
#include "hv/cli/text.h"
#include "hv/core/attr.h"
#include "hv/host/arm_stage2.h"

struct options {
	bool json, host, table, policy;
	bool has_stage1, has_stage2, has_client, has_stage2_kind;
	const char *stage2_text;	/* its meaning depends on FWB */
	uint32_t mair, sh1, memattr, sh2, features;
	struct hvcma_attr_case c;	/* stage2 is FWB or not for the combination, too */
};

static const char help[] =
	"usage: hvcma attr [--stage1 TYPE] [--stage2 TYPE] [--client WHAT] [OPTION...]\n"
	"       hvcma attr --host | --table | --policy [--fwb | --no-fwb] [--json]\n"
	"Explains memory attributes on Arm. At least one of --stage1, --stage2 and --client is\n"
	"needed, or one of --host, --table and --policy.\n"
	"\n"
	"A combination: what holds behind both stages of translation\n"
	"  --stage1 TYPE     the guest's mapping: device-ngnrne, device-ngnre, device-ngre,\n"
	"                    device-gre, normal-nc, normal-wt, normal-wb, normal-tagged, off,\n"
	"                    or a byte of MAIR_EL1 (0x44); default normal-wb\n"
	"  --stage2 TYPE     the hypervisor's: device-..., normal-nc, normal-wt, normal-wb, with\n"
	"                    --fwb also stage1 but not normal-wt; or MemAttr[3:0] (0xf);\n"
	"                    default: what KVM uses for guest RAM\n"
	"  --fwb, --no-fwb   with Stage-2 Force Write-Back (FEAT_S2FWB), or without; default:\n"
	"                    as this host is found to be, without if that says nothing\n"
	"  --sh1, --sh2 SH   shareability: non, outer, inner (default), or the field's number\n"
	"  --features LIST   other features: xs, mte, mte-perm\n"
	"\n"
	"A client: what its memory needs, or why it is refused\n"
	"  --client WHAT     coherent, noncoherent, emulated, unknown\n"
	"  --kind STAGE2     the host: fwb, no-fwb, none (x86, emulation), unknown;\n"
	"                    default: as --fwb and --no-fwb say\n"
	"  --mode MODE       region: private (default), reusable, static, ram\n"
	"  --attr POLICY     region: auto (default), cached, uncached\n"
	"  --alias HOW       the host's own mapping: maintained (default), busy\n"
	"\n"
	"  --host            what this host is found to be, and who says so\n"
	"  --table           stage-1 types by stage-2 types\n"
	"  --policy          every case of the policy for clients\n"
	"  --json            as JSON\n"
	"  --help            this text\n"
	"\n"
	"exit status: 0 explained, 1 the client is refused, 2 wrong usage\n";

/* A word of the list, or with @max_number also a number; else an error that lists them. */
static int take(const char *option, const struct hvcma_attr_word *words, const char *text,
		 uint32_t max_number, uint32_t *value)
{
	char known[160];

	if (hvcma_attr_parse(words, text, max_number, value))
		return 0;
	hvcma_attr_list(words, known, sizeof(known));
	if (max_number)
		return hvcma_usage_error("--%s '%s' is none of: %s, 0 to 0x%x", option, text, known,
					 max_number);
	return hvcma_usage_error("--%s '%s' is none of: %s", option, text, known);
}

static int take_features(char *list, uint32_t *features)
{
	uint32_t one;

	for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
		if (take("features", hvcma_attr_feature_words, word, 0, &one))
			return HVCMA_EXIT_USAGE;
		*features |= one;
	}
	return 0;
}

/* What was not said: FWB by what this host is found to be, stage 2 as KVM has it for RAM. */
static int complete_options(struct options *opt)
{
	struct hvcma_stage2_facts facts;
	bool fwb;

	if (!opt->has_stage2_kind) {
		hvcma_arm_stage2_detect(&hvcma_stage2_host, &facts);
		opt->c.stage2 = facts.stage2 == VIRTIO_CMA_STAGE2_FWB ? VIRTIO_CMA_STAGE2_FWB :
									VIRTIO_CMA_STAGE2_NO_FWB;
	}
	fwb = opt->c.stage2 == VIRTIO_CMA_STAGE2_FWB;
	if (fwb)
		opt->features |= HVCMA_ATTR_FWB;
	opt->memattr = fwb ? HVCMA_S2_RAM_FWB : HVCMA_S2_RAM_NO_FWB;
	if (!opt->has_stage2)
		return 0;
	return take("stage2", fwb ? hvcma_attr_fwb_words : hvcma_attr_stage2_words,
		    opt->stage2_text, 0xf, &opt->memattr);
}

static int take_option(void *opaque, int c, char *arg)
{
	struct options *opt = opaque;
	uint32_t value = opt->c.alias;
	int ret;

	switch (c) {
	case '1':
		opt->has_stage1 = true;
		return take("stage1", hvcma_attr_stage1_words, arg, 0xff, &opt->mair);
	case '2':
		opt->stage2_text = arg;
		opt->has_stage2 = true;
		break;
	case 'f':
	case 'n':
		opt->c.stage2 = c == 'f' ? VIRTIO_CMA_STAGE2_FWB : VIRTIO_CMA_STAGE2_NO_FWB;
		opt->has_stage2_kind = true;
		break;
	case 'k':
		opt->has_stage2_kind = true;
		return take("kind", hvcma_attr_host_words, arg, 0, &opt->c.stage2);
	case 's':
		return take("sh1", hvcma_attr_sh_words, arg, 3, &opt->sh1);
	case 't':
		return take("sh2", hvcma_attr_sh_words, arg, 3, &opt->sh2);
	case 'F':
		return take_features(arg, &opt->features);
	case 'c':
		opt->has_client = true;
		return take("client", hvcma_attr_client_words, arg, 0, &opt->c.coherent);
	case 'm':
		return take("mode", hvcma_attr_mode_words, arg, 0, &opt->c.mode);
	case 'a':
		return take("attr", hvcma_attr_map_words, arg, 0, &opt->c.attr_policy);
	case 'A':
		ret = take("alias", hvcma_attr_alias_words, arg, 0, &value);
		opt->c.alias = (enum hvcma_alias)value;
		return ret;
	case 'H':
		opt->host = true;
		break;
	case 'T':
		opt->table = true;
		break;
	case 'P':
		opt->policy = true;
		break;
	case 'j':
		opt->json = true;
		break;
	}
	return 0;
}

static int parse_options(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
		{ "stage1", required_argument, NULL, '1' },
		{ "stage2", required_argument, NULL, '2' },
		{ "fwb", no_argument, NULL, 'f' },
		{ "no-fwb", no_argument, NULL, 'n' },
		{ "kind", required_argument, NULL, 'k' },
		{ "sh1", required_argument, NULL, 's' },
		{ "sh2", required_argument, NULL, 't' },
		{ "features", required_argument, NULL, 'F' },
		{ "client", required_argument, NULL, 'c' },
		{ "mode", required_argument, NULL, 'm' },
		{ "attr", required_argument, NULL, 'a' },
		{ "alias", required_argument, NULL, 'A' },
		{ "host", no_argument, NULL, 'H' },
		{ "table", no_argument, NULL, 'T' },
		{ "policy", no_argument, NULL, 'P' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int ret;

	*opt = (struct options){
		.mair = HVCMA_MAIR_NORMAL_WB, .sh1 = HVCMA_SH_INNER, .sh2 = HVCMA_SH_INNER,
	};
	ret = hvcma_options("attr", argc, argv, "h", longs, help, take_option, opt);
	if (ret)
		return ret;
	if (optind < argc)
		return hvcma_usage_error("unexpected argument '%s'", argv[optind]);
	if (opt->host + opt->table + opt->policy +
	    (opt->has_stage1 || opt->has_stage2 || opt->has_client) != 1)
		return hvcma_usage_error("say a combination or a client, or one of --host, --table, --policy");
	return complete_options(opt);
}

static void add_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static void add_number(struct json_object *o, const char *key, int64_t number)
{
	json_object_object_add(o, key, json_object_new_int64(number));
}

static void print_json(struct json_object *top)
{
	hvcma_print_json(top, JSON_C_TO_STRING_PRETTY);
	json_object_put(top);
}

/* ---- a combination ---------------------------------------------------------- */

struct combination {
	struct hvcma_mem_attr stage1, both;
	char stage1_text[HVCMA_ATTR_TEXT_BYTES], both_text[HVCMA_ATTR_TEXT_BYTES];
	const char *stage2_text;
	const char *remark;
};

static const char *stage2_text(uint32_t memattr, uint32_t features)
{
	bool fwb = features & HVCMA_ATTR_FWB;
	static const char *const with_fwb[] = {
		[0x0] = "Device-nGnRnE or stricter", [0x1] = "Device-nGnRE or stricter",
		[0x2] = "Device-nGRE or stricter", [0x3] = "Device-GRE or stricter",
		[0x5] = "Device as stage 1 says, all else Normal Non-cacheable",
		[0x6] = "Normal Write-Back, whatever stage 1 says",
		[0x7] = "as stage 1 says",
		[0xe] = "Normal Write-Back, whatever stage 1 says, tags without access",
		[0xf] = "as stage 1 says, tags without access",
	};
	static const char *const without[] = {
		[0x0] = "at most Device-nGnRnE", [0x1] = "at most Device-nGnRE",
		[0x2] = "at most Device-nGRE", [0x3] = "at most Device-GRE",
		[0x4] = "at most Normal Write-Back, tags without access",
		[0x5] = "at most Normal Non-cacheable",
		[0x6] = "at most Normal, outer Non-cacheable, inner Write-Through",
		[0x7] = "at most Normal, outer Non-cacheable, inner Write-Back",
		[0x9] = "at most Normal, outer Write-Through, inner Non-cacheable",
		[0xa] = "at most Normal Write-Through",
		[0xb] = "at most Normal, outer Write-Through, inner Write-Back",
		[0xd] = "at most Normal, outer Write-Back, inner Non-cacheable",
		[0xe] = "at most Normal, outer Write-Back, inner Write-Through",
		[0xf] = "at most Normal Write-Back",
	};
	bool needs_mte_perm = fwb ? memattr >= 0xe : memattr == 0x4;
	const char *text = fwb ? with_fwb[memattr] : without[memattr];

	if (!text || (needs_mte_perm && !(features & HVCMA_ATTR_MTE_PERM)))
		return "reserved";
	return text;
}

static const char *remark_on(const struct hvcma_mem_attr *stage1,
			     const struct hvcma_mem_attr *both)
{
	uint32_t asked = hvcma_attr_type(stage1), got = hvcma_attr_type(both);

	if (got == VIRTIO_CMA_TYPE_UNKNOWN)
		return "An encoding is reserved: the architecture does not say what happens.";
	if (asked == got)
		return "The guest gets the type it asked for.";
	if (got == VIRTIO_CMA_TYPE_WRITE_BACK)
		return "The guest did not ask for Write-Back, but its data will sit in caches: a device\n"
		       "that does not look there misses it.";
	if (got < asked)
		return "The hypervisor allows the guest less than it asked for.";
	return "The guest gets another type than it asked for.";
}

static void combine(const struct options *opt, struct combination *c)
{
	hvcma_attr_stage1((uint8_t)opt->mair, opt->sh1, opt->features, &c->stage1);
	hvcma_attr_combine((uint8_t)opt->mair, opt->sh1, (uint8_t)opt->memattr, opt->sh2,
			   opt->features, &c->both);
	hvcma_attr_describe(&c->stage1, c->stage1_text, sizeof(c->stage1_text));
	hvcma_attr_describe(&c->both, c->both_text, sizeof(c->both_text));
	c->stage2_text = stage2_text(opt->memattr, opt->features);
	c->remark = remark_on(&c->stage1, &c->both);
}

static void print_combination(const struct options *opt, const struct combination *c)
{
	int par = hvcma_attr_par(&c->both);

	printf("stage 1   MAIR 0x%02x    %s\n", opt->mair, c->stage1_text);
	printf("stage 2   MemAttr 0x%x  %s (%s FWB)\n", opt->memattr, c->stage2_text,
	       opt->features & HVCMA_ATTR_FWB ? "with" : "without");
	if (par >= 0)
		printf("together  PAR 0x%02x     %s\n", par, c->both_text);
	else
		printf("together               %s\n", c->both_text);
	puts(c->remark);
}

static struct json_object *json_attr(const struct hvcma_mem_attr *attr, const char *text)
{
	struct json_object *o = json_object_new_object();

	add_text(o, "text", text);
	add_text(o, "type", hvcma_attr_type_text(hvcma_attr_type(attr)));
	json_object_object_add(o, "par", attr->mem == HVCMA_MEM_UNPREDICTABLE ? NULL :
			       json_object_new_int(hvcma_attr_par(attr)));
	add_text(o, "shareability", attr->mem == HVCMA_MEM_UNPREDICTABLE ? "?" :
		 hvcma_attr_word(hvcma_attr_sh_words, attr->sh));
	return o;
}

static struct json_object *json_combination(const struct options *opt,
					    const struct combination *c)
{
	struct json_object *o = json_object_new_object(), *stage2 = json_object_new_object();

	json_object_object_add(o, "stage1", json_attr(&c->stage1, c->stage1_text));
	add_number(stage2, "memattr", opt->memattr);
	json_object_object_add(stage2, "fwb",
			       json_object_new_boolean(opt->features & HVCMA_ATTR_FWB));
	add_text(stage2, "text", c->stage2_text);
	json_object_object_add(o, "stage2", stage2);
	json_object_object_add(o, "together", json_attr(&c->both, c->both_text));
	add_text(o, "remark", c->remark);
	return o;
}

/* ---- a client ----------------------------------------------------------------- */

static const char *maint_text(uint32_t bit)
{
	switch (bit) {
	case VIRTIO_CMA_MAINT_BLOCK:
		return "clean and invalidate each block by address before and after it serves the client";
	case VIRTIO_CMA_MAINT_SYNC:
		return "clean or invalidate by address at each map, unmap and sync";
	case VIRTIO_CMA_MAINT_NO_COHERENT:
		return "coherent allocations can't be right: they fail";
	default:
		return "no cacheable mapping of the memory while the client uses it";
	}
}

static void print_decision(const struct hvcma_attr_case *c, const struct hvcma_attr_decision *v)
{
	printf("client    %s; host %s, region %s, attr=%s\n",
	       hvcma_attr_word(hvcma_attr_client_words, c->coherent),
	       hvcma_attr_word(hvcma_attr_host_words, c->stage2),
	       hvcma_attr_word(hvcma_attr_mode_words, c->mode),
	       hvcma_attr_word(hvcma_attr_map_words, c->attr_policy));
	if (v->refused)
		puts("decision   REFUSED");
	else if (v->attr == VIRTIO_CMA_ATTR_AUTO)
		puts("decision   mapped as the guest knows");
	else
		printf("decision   mapped %s, which is %s\n",
		       hvcma_attr_word(hvcma_attr_map_words, v->attr),
		       hvcma_attr_type_text(v->effective));
	printf("because   %s\n", hvcma_attr_reason_text(v->reason));
	for (const struct hvcma_attr_word *w = hvcma_attr_maint_words; w->word; w++)
		if (v->maint & w->value)
			printf("maintain  %s\n", maint_text(w->value));
}

static struct json_object *json_decision(const struct hvcma_attr_case *c,
					 const struct hvcma_attr_decision *v)
{
	struct json_object *o = json_object_new_object(), *maint = json_object_new_array();

	for (const struct hvcma_attr_word *w = hvcma_attr_maint_words; w->word; w++)
		if (v->maint & w->value)
			json_object_array_add(maint, json_object_new_string(w->word));
	add_text(o, "client", hvcma_attr_word(hvcma_attr_client_words, c->coherent));
	add_text(o, "host", hvcma_attr_word(hvcma_attr_host_words, c->stage2));
	add_text(o, "mode", hvcma_attr_word(hvcma_attr_mode_words, c->mode));
	add_text(o, "policy", hvcma_attr_word(hvcma_attr_map_words, c->attr_policy));
	add_text(o, "alias", hvcma_attr_word(hvcma_attr_alias_words, c->alias));
	json_object_object_add(o, "refused", json_object_new_boolean(v->refused));
	add_text(o, "attr", hvcma_attr_word(hvcma_attr_map_words, v->attr));
	add_text(o, "effective", hvcma_attr_type_text(v->effective));
	json_object_object_add(o, "maintenance", maint);
	add_text(o, "reason", hvcma_attr_reason_name(v->reason));
	add_text(o, "because", hvcma_attr_reason_text(v->reason));
	return o;
}

static int explain(const struct options *opt)
{
	bool has_combination = opt->has_stage1 || opt->has_stage2;
	struct json_object *top = json_object_new_object();
	struct hvcma_attr_decision v = { 0 };
	struct combination c;

	if (has_combination) {
		combine(opt, &c);
		json_object_object_add(top, "combination", json_combination(opt, &c));
		if (!opt->json)
			print_combination(opt, &c);
	}
	if (opt->has_client) {
		hvcma_attr_policy(&opt->c, &v);
		json_object_object_add(top, "client", json_decision(&opt->c, &v));
		if (!opt->json) {
			if (has_combination)
				putchar('\n');
			print_decision(&opt->c, &v);
		}
	}
	if (opt->json)
		print_json(top);
	else
		json_object_put(top);
	return v.refused ? HVCMA_EXIT_FAILED : HVCMA_EXIT_OK;
}

/* ---- tables and the host -------------------------------------------------------- */

#define NR_TABLE_ROWS 7			/* of the stage-1 words: those without features */

static const char *short_type(const struct hvcma_mem_attr *attr)
{
	static const char *const names[] = { "nGnRnE", "nGnRE", "nGRE", "GRE" };

	if (attr->mem < HVCMA_MEM_NORMAL)
		return names[attr->mem];
	switch (hvcma_attr_type(attr)) {
	case VIRTIO_CMA_TYPE_UNCACHED:
		return "NC";
	case VIRTIO_CMA_TYPE_WRITE_THROUGH:
		return "WT";
	case VIRTIO_CMA_TYPE_WRITE_BACK:
		return "WB";
	default:
		return "?";
	}
}

static void print_type_table(const struct options *opt)
{
	const struct hvcma_attr_word *s2 = opt->features & HVCMA_ATTR_FWB ?
					   hvcma_attr_fwb_words : hvcma_attr_stage2_words;
	struct json_object *rows = json_object_new_object();
	struct hvcma_mem_attr attr;

	if (!opt->json) {
		printf("%-14s", "stage 1 \\ 2");
		for (const struct hvcma_attr_word *w = s2; w->word; w++)
			printf(" %-13s", w->word);
		putchar('\n');
	}
	for (size_t i = 0; i < NR_TABLE_ROWS; i++) {
		const struct hvcma_attr_word *s1 = &hvcma_attr_stage1_words[i];
		struct json_object *row = json_object_new_object();

		if (!opt->json)
			printf("%-14s", s1->word);
		for (const struct hvcma_attr_word *w = s2; w->word; w++) {
			hvcma_attr_combine((uint8_t)s1->value, opt->sh1, (uint8_t)w->value, opt->sh2,
					   opt->features, &attr);
			add_text(row, w->word, short_type(&attr));
			if (!opt->json)
				printf(" %-13s", short_type(&attr));
		}
		if (!opt->json)
			putchar('\n');
		json_object_object_add(rows, s1->word, row);
	}
	if (opt->json)
		print_json(rows);
	else
		json_object_put(rows);
}

static void print_policy_row(const struct hvcma_attr_case *c, const struct hvcma_attr_decision *v)
{
	printf("%-12s %-8s %-9s %-9s %-9s ", hvcma_attr_word(hvcma_attr_client_words, c->coherent),
	       hvcma_attr_word(hvcma_attr_host_words, c->stage2),
	       hvcma_attr_word(hvcma_attr_mode_words, c->mode),
	       hvcma_attr_word(hvcma_attr_map_words, c->attr_policy),
	       v->refused ? "REFUSED" : hvcma_attr_word(hvcma_attr_map_words, v->attr));
	printf("%-21s %-18s ", hvcma_attr_type_text(v->effective), hvcma_attr_reason_name(v->reason));
	for (const struct hvcma_attr_word *w = hvcma_attr_maint_words; w->word; w++)
		if (v->maint & w->value)
			printf("%s ", w->word);
	putchar('\n');
}

#define NR_POLICY_CASES (HVCMA_NR_COHERENT * VIRTIO_CMA_NR_STAGE2 * 3 * 3)

/* The n-th case, clients in the order of their words, then hosts, and so on. */
static struct hvcma_attr_case policy_case(unsigned int n)
{
	struct hvcma_attr_case c = { .alias = HVCMA_ALIAS_MAINTAINED };

	c.attr_policy = hvcma_attr_map_words[n % 3].value;
	n /= 3;
	c.mode = hvcma_attr_mode_words[n % 3].value;
	n /= 3;
	c.stage2 = hvcma_attr_host_words[n % VIRTIO_CMA_NR_STAGE2].value;
	c.coherent = hvcma_attr_client_words[n / VIRTIO_CMA_NR_STAGE2].value;
	return c;
}

/* Every case but those of a host that goes on using its own mapping. */
static void print_policy(const struct options *opt)
{
	struct json_object *list = json_object_new_array();
	struct hvcma_attr_decision v;

	if (!opt->json)
		printf("%-12s %-8s %-9s %-9s %-9s %-21s %-18s %s\n", "client", "host", "mode", "attr=",
		       "mapped", "effective", "reason", "maintenance");
	for (unsigned int n = 0; n < NR_POLICY_CASES; n++) {
		const struct hvcma_attr_case c = policy_case(n);

		if (opt->has_stage2_kind && c.stage2 != opt->c.stage2)
			continue;
		hvcma_attr_policy(&c, &v);
		if (opt->json)
			json_object_array_add(list, json_decision(&c, &v));
		else
			print_policy_row(&c, &v);
	}
	if (opt->json)
		print_json(list);
	else
		json_object_put(list);
}

static void print_host(const struct options *opt)
{
	struct hvcma_stage2_facts facts;
	struct json_object *o;

	hvcma_arm_stage2_detect(&hvcma_stage2_host, &facts);
	if (!opt->json) {
		printf("stage 2     %s, says %s\n", hvcma_stage2_name(facts.stage2), facts.source);
		if (facts.line_bytes)
			printf("data cache  lines of %u bytes; cleaning for instruction fetches %s, invalidation %s\n",
			       facts.line_bytes, facts.idc ? "not needed" : "needed",
			       facts.dic ? "not needed" : "needed");
		else
			puts("data cache  no maintenance needed");
		return;
	}
	o = json_object_new_object();
	add_text(o, "stage2", hvcma_stage2_name(facts.stage2));
	add_text(o, "source", facts.source);
	add_number(o, "line-bytes", facts.line_bytes);
	json_object_object_add(o, "idc", json_object_new_boolean(facts.idc));
	json_object_object_add(o, "dic", json_object_new_boolean(facts.dic));
	print_json(o);
}

static int attr_run(int argc, char **argv)
{
	struct options opt;
	int ret = parse_options(argc, argv, &opt);

	if (ret)
		return ret;
	if (opt.host)
		print_host(&opt);
	else if (opt.table)
		print_type_table(&opt);
	else if (opt.policy)
		print_policy(&opt);
	else
		return explain(&opt);
	return HVCMA_EXIT_OK;
}

const struct hvcma_command hvcma_command_attr = {
	.name = "attr",
	.summary = "explain memory attributes on Arm, and what a client's memory needs",
	.run = attr_run,
};
