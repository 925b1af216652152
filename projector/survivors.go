package projector

import (
	"bytes"
	"slices"
	"strings"

	"github.com/clerkstream/clerkstream/projections"
)

// survivors is the fold of a long stretch of the stream: for each entity only the message with the greatest version, for a log every message.
// It decides by subject and version header alone, so the bodies of all others are never decoded, and it keeps nothing of them.
//
// Survivors lie packed in slabs: as objects of their own, a hundred thousand of them would be marked at each collection, and collections come often
// while memory is nearly used up.
type survivors struct {
	session *session
	packed  slabs
	places  []survivor
	vacant  []int32 // places that can be taken again
	// winners holds for each state projection the place of each entity's survivor; order is the same, sorted, once it is asked for. logs holds for
	// each log projection its messages.
	winners []map[string]int32
	order   [][]int32
	logs    [][]*message
	// rejected are messages that no projection can have.
	rejected []*message
	logBytes int64

	read, skipped, duplicates, stale int
	wanting                          []int
}

// survivor is where a message lies, and for how many projections.
type survivor struct {
	at   place
	held int32
}

func newSurvivors(s *session) *survivors {
	count := len(s.config.Projections)
	v := &survivors{session: s, winners: make([]map[string]int32, count), order: make([][]int32, count), logs: make([][]*message, count)}
	for i := range v.winners {
		v.winners[i] = map[string]int32{}
	}
	return v
}

// bytes is what the survivors take.
func (v *survivors) bytes() int64 { return v.packed.bytes + v.logBytes }

// add lets one message compete.
func (v *survivors) add(m *message) {
	v.read++
	if m.rejected != nil {
		v.rejected = append(v.rejected, m)
		return
	}
	if v.wanting = v.session.wants(&m.event, v.wanting[:0]); m.event.Unrouted != "" || len(v.wanting) == 0 {
		v.skipped++
		return
	}
	place := int32(-1)
	for _, p := range v.wanting {
		if v.session.config.Projections[p].Kind() == projections.KindLog {
			v.logs[p] = append(v.logs[p], m)
			v.logBytes += m.size
			continue
		}
		place = v.contend(p, m, place)
	}
}

// contend gives the entity's place to m if it is the newest. place is where m lies already for another projection, or -1; the result is where it
// lies now.
func (v *survivors) contend(p int, m *message, place int32) int32 {
	id, version := m.event.EntityID, string(m.event.Version)
	old, taken := v.winners[p][id]
	if taken {
		held := packedVersion(v.packed.read(v.places[old].at))
		switch {
		case string(held) == version:
			v.duplicates++
			return place
		case string(held) > version:
			v.stale++
			return place
		}
		v.stale++
		v.release(old)
	} else {
		id = strings.Clone(id) // a map keeps its keys, and this one is a part of the message
	}
	if place < 0 {
		place = v.settle(m)
	}
	v.places[place].held++
	v.winners[p][id] = place
	return place
}

func (v *survivors) settle(m *message) int32 {
	at := v.packed.store(m.packedSize(), m.pack)
	if n := len(v.vacant); n > 0 {
		place := v.vacant[n-1]
		v.vacant = v.vacant[:n-1]
		v.places[place] = survivor{at: at}
		return place
	}
	v.places = append(v.places, survivor{at: at})
	return int32(len(v.places) - 1)
}

func (v *survivors) release(place int32) {
	s := &v.places[place]
	if s.held--; s.held == 0 {
		v.packed.free(s.at)
		v.vacant = append(v.vacant, place)
	}
}

// count is the number of survivors of one projection. From here on nothing may be added.
func (v *survivors) count(p int) int {
	if v.logs[p] != nil {
		return len(v.logs[p])
	}
	if v.order[p] == nil && len(v.winners[p]) > 0 {
		for _, place := range v.winners[p] {
			v.order[p] = append(v.order[p], place)
		}
		slices.SortFunc(v.order[p], func(a, b int32) int {
			return bytes.Compare(packedKey(v.packed.read(v.places[a].at)), packedKey(v.packed.read(v.places[b].at)))
		})
	}
	return len(v.order[p])
}

// messages is some survivors of one projection: those of a state in the order of their keys, in which tables like to be filled, those of a log in the
// stream's.
func (v *survivors) messages(p, from, to int) []*message {
	if v.logs[p] != nil {
		return v.logs[p][from:to]
	}
	list := make([]*message, 0, to-from)
	for _, place := range v.order[p][from:to] {
		list = append(list, unpackMessage(v.packed.read(v.places[place].at)))
	}
	return list
}

func (v *survivors) entities() (n int) {
	for _, w := range v.winners {
		n += len(w)
	}
	return n
}
