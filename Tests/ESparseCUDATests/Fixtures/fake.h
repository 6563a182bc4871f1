// Shared by the fake libraries: every function counts its calls and can be told to fail, live objects are counted by
// kind, and a test and its fake exchange numbers and texts.
#ifndef ESPARSE_FAKE_H
#define ESPARSE_FAKE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { fake_most = 256, fake_text_bytes = 4096 };

static struct {
    char name[80];
    long long value;
    char text[fake_text_bytes];
} fake_entries[fake_most];

static int fake_entry(const char *prefix, const char *name) {
    char key[80];
    snprintf(key, sizeof key, "%s%s", prefix, name);
    for (int i = 0; i < fake_most; i++) {
        if (fake_entries[i].name[0] == 0) strcpy(fake_entries[i].name, key);
        if (strcmp(fake_entries[i].name, key) == 0) return i;
    }
    abort();
}

/// A number that a test has set or the fake has counted; 0 at first.
long long fake_get(const char *name) { return fake_entries[fake_entry("", name)].value; }
void fake_set(const char *name, long long value) { fake_entries[fake_entry("", name)].value = value; }
/// A text that the fake was given.
const char *fake_text(const char *name) { return fake_entries[fake_entry("text ", name)].text; }
/// How often a function was called.
long long fake_count(const char *function) { return fake_entries[fake_entry("calls ", function)].value; }
/// Makes a function fail from now on; 0 mends it.
void fake_fail(const char *function, long long code) { fake_entries[fake_entry("fails ", function)].value = code; }

static inline void fake_note(const char *name, const char *text) {
    char *place = fake_entries[fake_entry("text ", name)].text;
    size_t used = strlen(place);
    snprintf(place + used, fake_text_bytes - used, "%s", text);
}
static inline void fake_forget(const char *name) { fake_entries[fake_entry("text ", name)].text[0] = 0; }
static inline void fake_add(const char *name, long long value) { fake_entries[fake_entry("", name)].value += value; }

static inline int fake_call(const char *function) {
    fake_entries[fake_entry("calls ", function)].value++;
    return (int)fake_entries[fake_entry("fails ", function)].value;
}

/// Stands first in every function that can fail.
#define CALL                               \
    do {                                   \
        int fault = fake_call(__func__);   \
        if (fault) return fault;           \
    } while (0)

/// A handle of a kind of object that is counted while it lives.
static inline void *fake_make(const char *kind) {
    fake_add(kind, 1);
    return calloc(1, 64);
}
static inline void fake_drop(const char *kind, void *object) {
    fake_add(kind, -1);
    free(object);
}

static inline float fake_float(int type, const void *base, int64_t index) {
    if (type == 0) return ((const float *)base)[index];
    uint16_t bits = ((const uint16_t *)base)[index];
    if (type == 14) {
        uint32_t wide = (uint32_t)bits << 16;
        float value;
        memcpy(&value, &wide, 4);
        return value;
    }
    _Float16 half;
    memcpy(&half, &bits, 2);
    return (float)half;
}

/// Values of the tests are small integers, which every type holds exactly.
static inline void fake_store(int type, void *base, int64_t index, float value) {
    if (type == 0) {
        ((float *)base)[index] = value;
    } else if (type == 14) {
        uint32_t bits;
        memcpy(&bits, &value, 4);
        ((uint16_t *)base)[index] = (uint16_t)(bits >> 16);
    } else {
        _Float16 half = (_Float16)value;
        memcpy((uint16_t *)base + index, &half, 2);
    }
}

#endif
