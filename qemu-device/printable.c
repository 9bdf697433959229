/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text of the user for messages. See printable.h.
 */
#include "qemu/osdep.h"

#include "printable.h"

static bool is_harmless(gunichar c)
{
    GUnicodeType type = g_unichar_type(c);

    return type != G_UNICODE_CONTROL && type != G_UNICODE_FORMAT &&
           type != G_UNICODE_LINE_SEPARATOR &&
           type != G_UNICODE_PARAGRAPH_SEPARATOR;
}

/* Also of what is no UTF-8 to its end: then those are negative. */
static gunichar first_of(const char *text)
{
    return g_utf8_get_char_validated(text, -1);
}

static bool is_character(gunichar c)
{
    return c != (gunichar)-1 && c != (gunichar)-2;
}

bool hvcma_is_printable(const char *text)
{
    for (; *text; text = g_utf8_next_char(text)) {
        gunichar c = first_of(text);

        if (!is_character(c) || !is_harmless(c)) {
            return false;
        }
    }
    return true;
}

char *hvcma_printable(const char *text)
{
    GString *out = g_string_new(NULL);

    for (text = text ?: "(none)"; *text;) {
        gunichar c = first_of(text);

        if (!is_character(c)) {
            g_string_append_printf(out, "\\x%02x", (uint8_t)*text++);
            continue;
        }
        if (is_harmless(c)) {
            g_string_append_unichar(out, c);
        } else {
            g_string_append_printf(out, c > 0xff ? "\\u%04x" : "\\x%02x", c);
        }
        text = g_utf8_next_char(text);
    }
    return g_string_free(out, FALSE);
}
