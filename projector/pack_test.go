package projector

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

func TestAPackedMessageIsTheSameAgain(t *testing.T) {
	t.Parallel()
	messages, _ := history(2, 30, 200)
	b := newBed(t)
	seen := 0
	for i, m := range messages {
		e := b.Event(fmt.Sprint("msg_", i), m.Body)
		want := parseMessage(e.Subject(), testkit.Message(e).Header, e.Body, uint64(i+1))
		if want.rejected != nil || want.event.Unrouted != "" {
			continue
		}
		got := unpackMessage(want.pack(nil))
		// What stays behind, and what a message is charged for in another kind of memory.
		want.event.Blanked, want.event.TraceParent, want.size = nil, "", 0
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("packed and unpacked\n%+v\nwas\n%+v", got, want)
		}
		if size := len(want.pack(nil)); size != want.packedSize() {
			t.Fatalf("it takes %d bytes and claims %d", size, want.packedSize())
		}
		seen++
	}
	if seen < 100 {
		t.Errorf("only %d messages were packed", seen)
	}
}

// What is stored in slabs stays what it was while other things come and go.
func TestSlabsKeepWhatIsStoredInThem(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s slabs
		type item struct {
			at   place
			fill byte
			size int
		}
		var kept []item
		for i := range rapid.IntRange(1, 110).Draw(t, "steps") {
			if len(kept) > 0 && rapid.Bool().Draw(t, "free") {
				n := rapid.IntRange(0, len(kept)-1).Draw(t, "which")
				s.free(kept[n].at)
				kept[n] = kept[len(kept)-1]
				kept = kept[:len(kept)-1]
				continue
			}
			one := item{fill: byte(i), size: rapid.IntRange(1, 3000).Draw(t, "size")}
			if i == 99 { // one that is greater than a slab, but not in each run: filling it takes long
				one.size = slabSize + 1
			}
			one.at = s.store(one.size, func(b []byte) []byte {
				for range one.size {
					b = append(b, one.fill)
				}
				return b
			})
			kept = append(kept, one)
		}
		for _, one := range kept {
			for _, b := range s.read(one.at)[:one.size] {
				if b != one.fill {
					t.Fatalf("%d bytes of %d hold %d", one.size, one.fill, b)
				}
			}
		}
	})
}
