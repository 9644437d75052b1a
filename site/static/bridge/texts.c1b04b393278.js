// Every sentence that the page says itself, in one place.

export const texts = {
  online: "The team is online",
  away: "The team is away, but write anyway",
  you: "You",
  nick: (name) => `You are here as ${name}`,
  typing: (names) =>
    names.length === 1
      ? `${names[0]} is writing`
      : `${names.slice(0, -1).join(", ")} and ${names.at(-1)} are writing`,
  newer: (count) =>
    count === 0 ? "Newest messages" : count === 1 ? "1 new message" : `${count} new messages`,
  news: (count, further) => (further ? `More than ${count} new messages` : texts.newer(count)),
  gap: (size) =>
    size === null
      ? "Some messages are missing here"
      : size === 1
        ? "1 message is missing here"
        : `${size} messages are missing here`,
  // Below a conversation that has ended, and in it.
  ended: {
    here: "This conversation has ended. Write again whenever you like.",
    again: "This conversation has ended. Write here to open it again.",
    elsewhere: "This conversation has ended. What you write now goes to your current conversation.",
  },
  turned: (event, own, name) => {
    const who = own ? "You" : name;
    if (event === "closed") return who ? `${who} ended the chat` : "The chat was ended";
    return who ? `${who} opened the chat again` : "The chat goes on";
  },

  // The list of earlier conversations
  earlier: {
    hint: (count) =>
      count === 1 ? "New answer in an earlier conversation." : `${count > 99 ? "More than 99" : count} new answers in earlier conversations.`,
    visiting: ({ state }) =>
      state === "open" ? "You are in another conversation." : "You are reading an earlier conversation.",
    open: "Open",
    ended: "Ended",
    unread: (count) => (count === 1 ? "1 new message" : `${count > 99 ? "99+" : count} new messages`),
    untitled: (date) => `Conversation of ${date}`,
    loading: "One moment…",
    failed: "The list could not be loaded. Please try again.",
  },

  deleted: "This message was deleted",
  file: "A file",
  spoiler: "Show the spoiler",
  reaction: (emoji, count) => `${emoji}: ${count === 1 ? "1 reaction" : `${count} reactions`}`,
  picker: { loading: "One moment…", failed: "The emoji could not be loaded. Please try again." },
  notReacted: {
    conflict: "This message has as many different emoji as it can take.",
    throttled: "That was a lot at once. Please wait a moment.",
    not_found: "This message cannot be reacted to any more.",
    not_permitted: "You cannot react here just now.",
    closed: "This conversation has ended.",
  },
  notReactedOther: "Your reaction could not be saved.",
  counter: (length, limit) => `${length.toLocaleString()} of ${limit.toLocaleString()} characters`,
  tooLong: (over) => `${over.toLocaleString()} ${over === 1 ? "character" : "characters"} too many`,
  today: "Today",
  yesterday: "Yesterday",
  again: "Try again",
  discard: "Delete",
  leave: "Leave it",
  replying: (name) => `Replying to ${name}: `,
  replyingToOwn: "Replying to yourself: ",
  editing: "Editing your message",
  saving: "Save",
  send: "Send",

  // Where answers go that nobody reads here
  stay: {
    ask: "Leave your e-mail address and get answers when you are away.",
    leave: "Leave address",
    known: (email) => `Answers that you miss go to ${email}.`,
    change: "Change",
    refused: {
      invalid_payload: "This is no e-mail address.",
      not_permitted: "This is the address that the site knows you by.",
      throttled: "Please wait a moment before the next change.",
    },
    refusedOther: "It could not be saved. Please try again.",
  },

  // Rooms
  inRoom: (count) => `${count.toLocaleString()} here`,
  here: (count) => (count === 1 ? "1 person is here" : `${count.toLocaleString()} people are here`),
  moreMembers: (count) => `and ${count.toLocaleString()} more`,
  readOnly: "Only the team writes in this room.",
  slowMode: (seconds) => `Slow mode: one message every ${duration(seconds)}.`,
  happened: ({ came, more, left, renamed }) =>
    [
      came.length + more && `${some(came, more)} joined`,
      names(left, true).length && `${some(names(left, true))} left`,
      names(left, false).length && `${some(names(left, false))} lost the connection`,
      ...renamed.map(({ from, to }) => `${from} is now called ${to}`),
    ]
      .filter(Boolean)
      .join(" · "),
  refusedNick: {
    conflict: "Somebody here has this name, or one that looks like it.",
    not_permitted: "This name is reserved or not allowed here.",
    invalid_payload: "This cannot be a name: up to 32 characters, nothing invisible.",
    throttled: "Please wait a moment before the next change.",
  },
  refusedNickOther: "The name could not be changed. Please try again.",

  // In place of the chat in a site's corner, until it is there.
  shell: {
    coming: "The chat is being opened…",
    away: "The chat cannot be reached right now. It opens here by itself as soon as it can.",
  },

  banner: {
    connecting: "Connecting…",
    waiting: "Connection lost – trying again. What you write is kept.",
    offline: "You are offline. What you write is kept and sent when you are back.",
    outdated: "This page is out of date. Please load it again.",
    sign_in: "Please sign in to chat here. The chat goes on by itself then.",
    refused: "This chat is not available to you.",
    no_sockets: "Something between you and this chat stops WebSockets: its server, or your network. Trying again.",
    proxy_port: "This chat is set up wrongly: the server in front of it hides the port. Please tell whoever runs this site.",
    proxy_scheme: "This chat is set up wrongly: the server in front of it hides HTTPS. Please tell whoever runs this site.",
    blocked: "The team has blocked you in this chat.",
    missing: "This chat does not exist any more.",
  },
  bannerAction: { waiting: "Try now", proxy_port: "Load again", proxy_scheme: "Load again", outdated: "Load again", sign_in: "Load again" },

  // Below the composer while nothing can be written.
  barred: {
    outdated: "You can write when the page was loaded again. What you began is kept.",
    sign_in: "You can write when you have signed in. What you began is kept.",
    refused: "You cannot write here.",
    blocked: "You cannot write while you are blocked. What you began is kept.",
    missing: "You cannot write here any more.",
  },

  status: {
    sending: "Sending…",
    checking: "Checking your browser…",
    kept: "Waiting for the connection",
    sent: "Sent",
    delivered: "Delivered",
    read: "Read",
    failed: "Not delivered",
    refused: "Not sent",
  },

  stale: "The change did not reach the team",

  // A change of a message that is on its way, by its kind; and one that was refused.
  changing: { edit: "Saving…", delete: "Deleting…", retry: "Trying again…" },
  unchanged: { edit: "Not changed", delete: "Not deleted", retry: "Not delivered" },
  refusedChange: {
    not_permitted: "The time for changes is over.",
    muted: "You may not write here for now. Try again later.",
    filter_words: "A word in it is not allowed here.",
    filter_links: "Links are not allowed here.",
    too_large: "The message is too long.",
    closed: "This conversation has ended.",
    internal: "Something went wrong on our side.",
  },

  // Why the server did not take a message, by error code.
  refusal: {
    invalid_payload: "The message cannot be sent like this.",
    too_large: "The message is too long.",
    blocked: "You cannot write here.",
    not_permitted: "You cannot write here.",
    muted: "You may not write here for now. Try again later.",
    filter_words: "A word in it is not allowed here.",
    filter_links: "Links are not allowed here.",
    reply_gone: "What it answers was deleted. Try again to send it without.",
    closed: "This conversation has ended.",
    internal: "Something went wrong on our side.",
  },
  refusedFiles: { not_found: "A file of it is not there any more. Delete it and choose the file again." },
  refusalOther: "It could not be sent.",

  files: {
    remove: (name) => `Remove ${name}`,
    again: (name) => `Send ${name} again`,
    open: (name) => `${name}, open large`,
    save: (name) => `Save ${name}`,
    pending: "being fetched…",
    remote: "only in Discord",
    sending: "Files are being sent.",
    there: (count) => (count === 1 ? "1 file is ready to go." : `${count} files are ready to go.`),
    // Why a file was not taken, by reason or error code.
    refused: {
      too_large: (size) => `Larger than ${size}`,
      proxy: "The server in front of this chat refuses files of this size",
      type: "Files of this kind are not taken here",
      mismatch: "Its content is not what its name says",
      costly: "It takes too much time to open",
      empty: "This file is empty",
      many: "Ten files at most",
      lost: "The connection was lost",
      slow: "It took too long",
      full: "There is no room for files just now",
      throttled: "Too many files at once: wait a moment",
      unavailable: "The server is busy",
      blocked: "You cannot write here",
      not_permitted: "No files are taken here",
      not_identified: "Please load the page again",
    },
    refusedOther: "It could not be taken",
  },

  // Why a message did not reach the team, by its `failure`.
  failure: {
    unknown: "We cannot tell whether the team received this.",
    refused: "It was refused on the way to the team.",
    too_large: "It is too long for the team’s side.",
    blocked_by_automod: "A word filter on the team’s side stopped it.",
    blocked_link: "A link in it is not allowed on the team’s side.",
  },
  failureOther: "The team did not receive this.",
};

const names = (left, clean) => left.filter((each) => each.clean === clean).map(({ name }) => name);

/** “Ada”, “Ada and Bob”, “Ada and 3 others”. */
function some(named, more = 0) {
  const others = named.length - 1 + more;
  if (!named.length) return more === 1 ? "1 person" : `${more.toLocaleString()} people`;
  if (!others) return named[0];
  if (others === 1 && !more) return `${named[0]} and ${named[1]}`;
  return `${named[0]} and ${others.toLocaleString()} other${others === 1 ? "" : "s"}`;
}

function duration(seconds) {
  if (seconds < 60) return seconds === 1 ? "second" : `${seconds} seconds`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return minutes === 1 ? "minute" : `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours === 1 ? "hour" : `${hours} hours`;
}
