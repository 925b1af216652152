package projector

// slabs is memory for many packed messages that come and go. To the collector it is a few large objects without pointers.
type slabs struct {
	list  [][]byte
	used  int   // of the last one
	bytes int64 // of all places, also those that were given back
	// vacant lists, for each size, the places that were given back.
	vacant map[int32][]place
}

// place is a piece of a slab.
type place struct{ slab, offset, size int32 }

const (
	slabSize = 4 << 20
	// placeStep is what sizes are rounded up to, so that a place fits the next message of its kind.
	placeStep = 256
)

// store finds a place of at least size bytes and lets fill write into it.
func (s *slabs) store(size int, fill func(b []byte) []byte) place {
	rounded := int32((size + placeStep - 1) / placeStep * placeStep)
	at := s.find(rounded)
	fill(s.read(at)[:0])
	return at
}

func (s *slabs) find(size int32) place {
	if v := s.vacant[size]; len(v) > 0 {
		s.vacant[size] = v[:len(v)-1]
		return v[len(v)-1]
	}
	if len(s.list) == 0 || s.used+int(size) > len(s.list[len(s.list)-1]) {
		s.list, s.used = append(s.list, make([]byte, max(slabSize, int(size)))), 0
	}
	at := place{int32(len(s.list) - 1), int32(s.used), size}
	s.used += int(size)
	s.bytes += int64(size)
	return at
}

func (s *slabs) free(at place) {
	if s.vacant == nil {
		s.vacant = map[int32][]place{}
	}
	s.vacant[at.size] = append(s.vacant[at.size], at)
}

func (s *slabs) read(at place) []byte {
	end := at.offset + at.size
	return s.list[at.slab][at.offset:end:end]
}
