package clerksim

import (
	"math/rand/v2"
	"strings"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newID invents an id in the form of Clerk's: a prefix and 27 characters of base 62.
func newID(r *rand.Rand, prefix string) string {
	var b strings.Builder
	b.Grow(len(prefix) + 27)
	b.WriteString(prefix)
	b.WriteByte('2') // ids of 2022 to 2026 begin with 2 or 3
	for n := 26; n > 0; {
		// Ten digits of base 62 fit into 64 bits.
		for v, i := r.Uint64(), 0; i < 10 && n > 0; i, n = i+1, n-1 {
			b.WriteByte(base62[v%62])
			v /= 62
		}
	}
	return b.String()
}

func (w *World) id(prefix string) string { return newID(w.r, prefix) }

// chance is true in a share p of the calls.
func (w *World) chance(p float64) bool { return p > 0 && w.r.Float64() < p }

// odd is true where the next thing shall have an unusual shape.
func (w *World) odd() bool { return w.chance(w.cfg.OddRate) }

// between is a number in [low, high].
func (w *World) between(low, high int) int { return low + w.r.IntN(high-low+1) }

// one picks an element of a list that is not empty.
func one[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }
