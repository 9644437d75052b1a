// Where a message stands among others.

/** The index in a sorted list of the first message whose place is `seq` or later. */
export function indexOfSeq(messages, seq) {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (messages[middle].seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
