package sentinel

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// maxTypes bounds what is remembered; Clerk knows about 50 types. The one with the least weight makes room.
	maxTypes = 256
	// enough is how improbable a silence must be, as -ln of its probability, to be no chance: e^-20 is 2e-9 per gap, less than one false alarm in ten years
	// at one event a minute.
	enough = 20
	// wellKnown is the weight, in occupied slots, from which a type has a rhythm.
	wellKnown = 20
	// knownSlots is the weight of observation from which an hour of the day is known: an hour, with the default floor.
	knownSlots = 30
	// halfLife is after how much time an observation counts half.
	halfLife = 14 * 24 * time.Hour
	// forgetAfter is after how long a type that never came again is no longer missed: an application may have stopped using it.
	forgetAfter = 14 * 24 * time.Hour
	// slotsPerFloor says how finely time is cut. Silence is never reported before Floor, so nothing is lost by it.
	slotsPerFloor = 5
	// saturated is the greatest share of occupied slots that is believed: from a higher one the rate would not follow any more.
	saturated = 0.98
	// hours are those of a day, on weekdays and apart on weekends, in UTC.
	hours = 48
)

// rhythm learns how often each type comes. It counts slots of time in which at least one came, not events: an import of ten thousand users, or the backlog
// after an outage, is one slot, where it would otherwise make everything after it look like silence. For a Poisson stream the share of occupied slots gives the
// very rate: 1-e^-rate.
//
// Weights grow with time instead of fading (forward decay: Cormode et al., ICDE 2009); divided by the growth until now they are the faded ones. In float64 it
// reaches 38 years.
type rhythm struct {
	slot  time.Duration
	floor time.Duration
	start time.Time // landmark of the weights
	// exposure is the weighted number of slots observed, by hour; shared by all types, which are observed together.
	exposure [hours]float64
	seen     time.Time // up to here exposure is counted
	all      beat
	types    map[string]*beat
}

// beat is one type's.
type beat struct {
	last     time.Time
	occupied [hours]float64
	slot     int64 // the last occupied one
	weight   float64
}

// newRhythm observes from the first webhook on.
func newRhythm(floor time.Duration) *rhythm {
	return &rhythm{slot: max(floor/slotsPerFloor, 1), floor: floor, types: map[string]*beat{}}
}

func (r *rhythm) growth(at time.Time) float64 {
	return math.Exp2(at.Sub(r.start).Seconds() / halfLife.Seconds())
}

// hourOf is weekday hours first, then those of weekends.
func hourOf(at time.Time) int {
	at = at.UTC()
	if day := at.Weekday(); day == time.Saturday || day == time.Sunday {
		return hours/2 + at.Hour()
	}
	return at.Hour()
}

// observe counts a webhook of a type. An empty type counts for all types together only. Calls come in about the order of at.
func (r *rhythm) observe(typ string, at time.Time) {
	if r.start.IsZero() {
		r.start, r.seen = at, at
	}
	r.expose(at)
	r.count(&r.all, at)
	if typ == "" {
		return
	}
	b := r.types[typ]
	if b == nil {
		r.makeRoom()
		b = &beat{}
		r.types[typ] = b
	}
	r.count(b, at)
}

// heard notes a webhook that is no part of the rhythm: the canary's.
func (r *rhythm) heard(at time.Time) {
	if r.start.IsZero() {
		r.start, r.seen = at, at
	}
	r.expose(at)
	if at.After(r.all.last) {
		r.all.last = at
	}
}

func (r *rhythm) count(b *beat, at time.Time) {
	if at.After(b.last) {
		b.last = at
	}
	slot := at.UnixNano() / int64(r.slot)
	if slot <= b.slot {
		return
	}
	b.slot = slot
	w := r.growth(at)
	b.occupied[hourOf(at)] += w
	b.weight += w
}

// makeRoom forgets the type that tells least.
func (r *rhythm) makeRoom() {
	if len(r.types) < maxTypes {
		return
	}
	least, weight := "", math.Inf(1)
	for typ, b := range r.types {
		if b.weight < weight || b.weight == weight && typ < least {
			least, weight = typ, b.weight
		}
	}
	delete(r.types, least)
}

// expose counts the time since the last call as watched. A silence that chance does not explain is no part of the rhythm: to learn from an outage would be
// to get used to it.
func (r *rhythm) expose(to time.Time) {
	if !to.After(r.seen) {
		return
	}
	if from := r.seen; !r.overdue(&r.all, to) {
		r.hourly(from, to, func(hour int, at time.Time, slots float64) { r.exposure[hour] += slots * r.growth(at) })
	}
	r.seen = to
}

// hourly cuts a stretch at full hours, and stops after the time in which types are forgotten.
func (r *rhythm) hourly(from, to time.Time, each func(hour int, at time.Time, slots float64)) {
	if to.Sub(from) > forgetAfter {
		from = to.Add(-forgetAfter)
	}
	for from.Before(to) {
		next := from.Truncate(time.Hour).Add(time.Hour)
		if next.After(to) {
			next = to
		}
		each(hourOf(from), from, float64(next.Sub(from))/float64(r.slot))
		from = next
	}
}

// known calls each for every stretch of an hour of the day that was watched for long enough, with what was observed of it: slots watched and occupied, faded to
// now. Of an hour that was hardly ever watched nothing is known: the first night after a busy first day is no outage.
func (r *rhythm) known(b *beat, from, to time.Time, each func(occupied, watched, slots float64)) {
	growth := r.growth(r.seen)
	r.hourly(from, to, func(hour int, _ time.Time, slots float64) {
		if watched := r.exposure[hour] / growth; watched >= knownSlots {
			each(b.occupied[hour]/growth, watched, slots)
		}
	})
}

// expected is about how many events of a type were to be expected in a stretch, for people to read; improbable decides.
func (r *rhythm) expected(b *beat, from, to time.Time) float64 {
	sum := 0.0
	r.known(b, from, to, func(occupied, watched, slots float64) { sum += rate(occupied, watched) * slots })
	return sum
}

// improbable is -ln of the probability that a stretch stays empty by chance. The rate is known only as well as it was observed: an hour that was watched once,
// and was full by luck, must not make the next one look silent. So it is the beta-binomial's, which weighs every rate by how well it explains what was seen.
func (r *rhythm) improbable(b *beat, from, to time.Time) float64 {
	sum := 0.0
	r.known(b, from, to, func(occupied, watched, slots float64) {
		if occupied > 0 {
			empty := max(watched-occupied, 0) + 1 // a slot counts as occupied before all of it was watched
			sum += lgamma(empty) - lgamma(empty+slots) + lgamma(occupied+empty+slots) - lgamma(occupied+empty)
		}
	})
	return sum
}

// rate is events per slot.
func rate(occupied, watched float64) float64 {
	return -math.Log1p(-min(occupied/watched, saturated))
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// overdue tells whether a type has been silent for longer than chance explains.
func (r *rhythm) overdue(b *beat, now time.Time) bool {
	return !b.last.IsZero() && now.Sub(b.last) >= r.floor && b.weight >= wellKnown*r.growth(b.last) && r.improbable(b, b.last, now) >= enough
}

// silentTypes are those that are overdue, most expected first.
func (r *rhythm) silentTypes(now time.Time) []SilentType {
	var silent []SilentType
	for typ, b := range r.types {
		switch {
		case now.Sub(b.last) > forgetAfter:
			delete(r.types, typ)
		case r.overdue(b, now):
			silent = append(silent, SilentType{Type: typ, Last: b.last, Expected: r.expected(b, b.last, now)})
		}
	}
	slices.SortFunc(silent, func(a, b SilentType) int {
		return cmp.Or(cmp.Compare(b.Expected, a.Expected), cmp.Compare(a.Type, b.Type))
	})
	return silent
}
