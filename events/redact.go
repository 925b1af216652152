package events

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// mark is one value in the body that may have to be blanked. Marks may lie inside each other; the outer one comes first.
type mark struct {
	start, end int
	pointer    string
	when       when
}

// step is one level of the path to where the scan stands: where a member's name begins in the text, or the complement of an element's index. Every
// value has a path and few are ever written, so it holds no pointer that the garbage collector would have to follow.
type step int

// pointerEscapes are those of RFC 6901.
var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// blank is what stands in a credential's place: a value of no type, so that no reader takes it for the real one.
const blank = "null"

// MorePointers stands last in Event.Blanked when a body has more blanked values than a header can list. It is no JSON pointer.
const MorePointers = "..."

// maxBlanked bounds the list of blanked pointers, as the header writes it: a body can repeat a credential's name as often as it likes.
const maxBlanked = 8 << 10

// mark notes the scalar raw, which starts at start, if its name (w) or its value makes it a credential for some event. A null has nothing to hide.
func (e *envelope) mark(start int, raw []byte, w when, maybeLink bool) {
	if raw[0] == 'n' {
		return
	}
	if maybeLink {
		w |= whenLink(raw)
	}
	if w != never {
		e.marks = append(e.marks, mark{start, start + len(raw), e.pointer(), w})
	}
}

// open notes the object or array that begins at start, and close where it ends. What lies in it is looked at as well, for the event may
// turn out to be one in which the outer name is innocent.
func (e *envelope) open(start int, w when) (opened int) {
	if w == never {
		return -1
	}
	e.marks = append(e.marks, mark{start, start, e.pointer(), w})
	return len(e.marks) - 1
}

func (e *envelope) close(opened, end int) {
	if opened >= 0 {
		e.marks[opened].end = end
	}
}

// markBroken notes what may hold a credential in a body that is not JSON: everything from the first trace of one. A broken text has no paths, so
// it is that or all, and a text without a trace is kept as it came.
func (e *envelope) markBroken(body []byte) {
	if i := firstTrace(body); i >= 0 {
		e.marks = append(e.marks, mark{i, len(body), "", always})
	}
}

// pointer is the JSON pointer (RFC 6901) of where the scan stands. Past what a header could list anyway it is not made: a deep body with
// many credentials would otherwise cost its own square in memory.
func (e *envelope) pointer() string {
	if e.pointerBytes > 8*maxBlanked {
		return MorePointers
	}
	var b strings.Builder
	for _, s := range e.path {
		b.WriteByte('/')
		if s < 0 {
			b.WriteString(strconv.Itoa(int(^s)))
			continue
		}
		c := cursor{text: e.text, at: int(s)}
		name := string(c.name())
		if !utf8.ValidString(name) {
			name = string([]rune(name)) // each byte that is no UTF-8 becomes U+FFFD
		}
		b.WriteString(pointerEscapes.Replace(name))
	}
	e.pointerBytes += b.Len()
	return b.String()
}

// redact returns body with every credential of an event of this object replaced by null, and the pointers of what it replaced. It
// splices bytes and never encodes again: every byte outside the replaced values is the byte that was signed. Without a credential body
// itself is returned.
func (e *envelope) redact(body []byte, object string) ([]byte, []string) {
	wanted := wantedOf(object)
	var (
		out      []byte
		pointers []string
		from     int
	)
	for _, m := range e.marks {
		if m.when&wanted == 0 || m.start < from {
			continue
		}
		if out == nil {
			out = make([]byte, 0, len(body)+len(blank))
		}
		out = append(append(out, body[from:m.start]...), blank...)
		pointers = append(pointers, m.pointer)
		from = m.end
	}
	if out == nil {
		return body, nil
	}
	return append(out, body[from:]...), bound(pointers)
}

func wantedOf(object string) when {
	switch {
	case object == "":
		// An unrouted body could be anything, so everything that may be a credential is taken for one.
		return always | inMessages | inInvitations | inDirectories
	case isMessage(object):
		return always | inMessages
	case object == ObjectSCIMDirectory:
		return always | inDirectories
	case isInvitation(object):
		return always | inInvitations
	}
	return always
}

// bound cuts the list to what a header may hold and says so at its end.
func bound(pointers []string) []string {
	size := 0
	for i, p := range pointers {
		size += len(encodePointer(p)) + 1
		if p == MorePointers || size > maxBlanked {
			return append(pointers[:i], MorePointers)
		}
	}
	return pointers
}
