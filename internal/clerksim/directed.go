package clerksim

// outbox is what happened and is not handed out yet, oldest first.
type outbox []Message

func (o *outbox) take() (Message, bool) {
	if len(*o) == 0 {
		return Message{}, false
	}
	m := (*o)[0]
	*o = (*o)[1:]
	return m, true
}

// drain lets happen what chance has decided, for it was decided of objects as they are now. Its messages wait behind the directed ones, as any webhook
// may.
func (w *World) drain() {
	for w.head < len(w.queue) {
		w.passed = append(w.passed, w.happen())
	}
}

// direct makes a change of somebody's choice happen now, all of it. The world is drained.
func (w *World) direct(decide func()) {
	w.live = w.clock != nil
	decide()
	for w.head < len(w.queue) {
		w.directed = append(w.directed, w.happen())
	}
}
