package projector

import (
	"slices"

	"github.com/clerkstream/clerkstream/projections"
)

// fold chooses what has to be written and decodes only that: of all events about one entity the one with the greatest version. The choice
// needs no body, and it is the same that the rows' own gate would make one by one. A winner that cannot be decoded is put aside and the
// choice made again without it, so the result does not depend on how the stream was cut into batches.
func (s *session) fold(b *batch) {
	for {
		b.choose(s)
		if !s.decode(b) {
			return
		}
	}
}

func (b *batch) choose(s *session) {
	count := len(s.config.Projections)
	b.rows, b.origin = make([][]projections.Row, count), make([][]int, count)
	b.skipped, b.duplicates, b.stale = 0, 0, 0
	winners := make([]map[string]int, count)
	var wanting []int
	for i, m := range b.messages {
		if m.rejected[everywhere].reason != "" {
			continue
		}
		if wanting = s.wants(&m.event, wanting[:0]); m.event.Unrouted != "" || len(wanting) == 0 {
			b.skipped++
			continue
		}
		if s.config.switches.arrivalOrder {
			m.event.Version = arrival(m)
		}
		for _, p := range wanting {
			if m.rejected[p].reason != "" || m.only != nil && !slices.Contains(m.only, p) {
				continue
			}
			if s.config.Projections[p].Kind() == projections.KindLog {
				b.origin[p] = append(b.origin[p], i)
				continue
			}
			b.contend(winners, p, i)
		}
	}
}

// contend lets message i win over the one that holds its entity's place, if it is newer.
func (b *batch) contend(winners []map[string]int, p, i int) {
	if winners[p] == nil {
		winners[p] = map[string]int{}
	}
	e := &b.messages[i].event
	place, taken := winners[p][e.EntityID]
	if !taken {
		winners[p][e.EntityID] = len(b.origin[p])
		b.origin[p] = append(b.origin[p], i)
		return
	}
	held := &b.messages[b.origin[p][place]].event
	if e.Version == held.Version {
		b.duplicates++
		return
	}
	b.stale++
	if e.Version > held.Version {
		b.origin[p][place] = i
	}
}
