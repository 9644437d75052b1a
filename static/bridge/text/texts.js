// Every text that the page itself shows, in one place.

export const texts = {
  online: "The team is online",
  away: "We’re away. Leave us a message.",
  you: "You",
  nick: (name) => `You are chatting as ${name}`,
  typing: (names) =>
    names.length === 1
      ? `${names[0]} is typing`
      : `${names.slice(0, -1).join(", ")} and ${names.at(-1)} are typing`,
  newer: (count) =>
    count === 0 ? "Newest messages" : count === 1 ? "1 new message" : `${count} new messages`,
  unreadLine: (count, isMore) => (isMore ? `More than ${count} new messages` : texts.newer(count)),
  gap: (size) =>
    size === null
      ? "Some messages are missing here"
      : size === 1
        ? "1 message is missing here"
        : `${size} messages are missing here`,
  // At the end of a conversation that has ended
  ended: {
    current: "This conversation has ended. Write again whenever you like.",
    reopen: "This conversation has ended. Write here to reopen it.",
    elsewhere: "This conversation has ended. What you write here goes to your current conversation.",
  },
  stateChange: (event, own, name) => {
    const actor = own ? "You" : name;
    if (event === "closed") return actor ? `${actor} ended the chat` : "The chat was ended";
    return actor ? `${actor} reopened the chat` : "The chat was reopened";
  },

  // The list of conversations
  conversations: {
    hint: (count) =>
      count === 1 ? "New answer in an earlier conversation." : `${count > 99 ? "More than 99" : count} new answers in earlier conversations.`,
    elsewhere: ({ state }) =>
      state === "open" ? "You are in another conversation." : "You are reading an earlier conversation.",
    open: "Open",
    ended: "Ended",
    unread: (count) => (count === 1 ? "1 new message" : `${count > 99 ? "99+" : count} new messages`),
    untitled: (date) => `Conversation of ${date}`,
    loading: "Loading…",
    failed: "The list could not be loaded. Please try again.",
  },

  deleted: "This message was deleted",
  file: "A file", // a message without words
  spoiler: "Show spoiler",
  reaction: (emoji, count) => `${emoji}: ${count === 1 ? "1 reaction" : `${count} reactions`}`,
  picker: { loading: "Loading…", failed: "The emoji could not be loaded. Please try again." },
  // Why the server refused a reaction, by error code
  reactionRefused: {
    conflict: "This message already has the maximum number of different emoji.",
    throttled: "You are reacting too fast. Please wait a moment.",
    not_found: "You can no longer react to this message.",
    not_permitted: "You cannot react here right now.",
    closed: "This conversation has ended.",
  },
  reactionRefusedOther: "Your reaction could not be saved.",
  counter: (length, limit) => `${length.toLocaleString()} of ${limit.toLocaleString()} characters`,
  tooLong: (over) => `${over.toLocaleString()} ${over === 1 ? "character" : "characters"} too many`,
  today: "Today",
  yesterday: "Yesterday",
  retry: "Try again",
  discard: "Delete",
  discardChange: "Dismiss",
  replying: (name) => `Replying to ${name}: `,
  replyingToOwn: "Replying to yourself: ",
  editing: "Editing your message",
  save: "Save",
  send: "Send",

  // The address to which answers go that the visitor has not read here
  email: {
    ask: "Leave your e-mail address to get answers while you are away.",
    enter: "Add address",
    known: (email) => `Answers that you miss are sent to ${email}.`,
    change: "Change",
    refused: {
      invalid_payload: "Enter a valid e-mail address.",
      not_permitted: "This address comes from your account. You cannot change it here.",
      throttled: "Please wait a moment before you change it again.",
    },
    refusedOther: "Your address could not be saved. Please try again.",
  },

  // Rooms
  onlineCount: (count) => `${count.toLocaleString()} here`,
  membersOnline: (count) => (count === 1 ? "1 person is here" : `${count.toLocaleString()} people are here`),
  moreMembers: (count) => `and ${count.toLocaleString()} more`,
  readOnly: "Only the team can write in this room.",
  slowMode: (seconds) => `Slow mode: one message every ${duration(seconds)}.`,
  roomNotice: ({ joined, more, left, renamed }) => {
    const leftCleanly = left.filter(({ clean }) => clean).map(({ name }) => name);
    const cutOff = left.filter(({ clean }) => !clean).map(({ name }) => name);
    return [
      joined.length + more && `${people(joined, more)} joined`,
      leftCleanly.length && `${people(leftCleanly)} left`,
      cutOff.length && `${people(cutOff)} lost the connection`,
      ...renamed.map(({ from, to }) => `${from} is now called ${to}`),
    ]
      .filter(Boolean)
      .join(" · ");
  },
  nickForm: {
    refused: {
      conflict: "This name, or one that looks like it, is already taken.",
      not_permitted: "This name is reserved or not allowed here.",
      invalid_payload: "Enter a name of up to 32 characters, without invisible ones.",
      throttled: "Please wait a moment before you change it again.",
    },
    refusedOther: "Your name could not be changed. Please try again.",
  },

  // In the widget, until the chat has loaded
  frame: {
    loading: "Opening the chat…",
    unreachable: "The chat is unavailable right now. It will open here as soon as it is back.",
  },

  // Why the chat is cut off
  banner: {
    connecting: "Connecting…",
    waiting: "Connection lost. Reconnecting… What you write is saved.",
    offline: "You are offline. What you write is saved and sent when you are back online.",
    outdated: "This page is out of date. Please reload it.",
    sign_in: "Please sign in to chat here. The chat then continues by itself.",
    refused: "This chat is not available to you.",
    no_sockets: "The chat’s server or your network blocks WebSockets. Trying again…",
    proxy_port: "This chat is not set up correctly: the proxy in front of it hides the port. Please tell the site’s owner.",
    proxy_scheme: "This chat is not set up correctly: the proxy in front of it hides HTTPS. Please tell the site’s owner.",
    blocked: "The team has blocked you in this chat.",
    missing: "This chat no longer exists.",
  },
  bannerAction: { waiting: "Try now", proxy_port: "Reload", proxy_scheme: "Reload", outdated: "Reload", sign_in: "Reload" },

  // Below the composer while the visitor cannot write, by the reason
  composerDisabled: {
    outdated: "Reload the page to write again. Your draft is saved.",
    sign_in: "Sign in to write here. Your draft is saved.",
    refused: "You cannot write here.",
    blocked: "You cannot write while you are blocked. Your draft is saved.",
    missing: "You can no longer write here.",
  },

  status: {
    sending: "Sending…",
    checking: "Checking your browser…",
    queued: "Waiting for the connection",
    sent: "Sent",
    delivered: "Delivered",
    read: "Read",
    failed: "Not delivered",
    refused: "Not sent",
  },

  outdated: "The team has not received this change",

  // A change to a message that is being saved, and one that was refused, by its kind
  changing: { edit: "Saving…", delete: "Deleting…", retry: "Trying again…" },
  notChanged: { edit: "Not changed", delete: "Not deleted", retry: "Not delivered" },
  changeRefused: {
    not_permitted: "You can no longer change this message.",
    muted: "You are muted for now. Try again later.",
    filter_words: "It contains a word that is not allowed here.",
    filter_links: "Links are not allowed here.",
    too_large: "The message is too long.",
    closed: "This conversation has ended.",
    internal: "Something went wrong on our side.",
  },

  // Why the server refused a message, by error code
  messageRefused: {
    invalid_payload: "This message cannot be sent.",
    too_large: "The message is too long.",
    blocked: "You cannot write here.",
    not_permitted: "You cannot write here.",
    muted: "You are muted for now. Try again later.",
    filter_words: "It contains a word that is not allowed here.",
    filter_links: "Links are not allowed here.",
    reply_gone: "The message you replied to was deleted. Try again to send yours without the reply.",
    closed: "This conversation has ended.",
    internal: "Something went wrong on our side.",
  },
  messageWithFilesRefused: { not_found: "One of its files no longer exists. Delete the message and choose the file again." },
  messageRefusedOther: "Something went wrong. Please try again.",

  files: {
    remove: (name) => `Remove ${name}`,
    retry: (name) => `Try to upload ${name} again`,
    open: (name) => `Enlarge ${name}`,
    save: (name) => `Save ${name}`,
    pending: "loading…",
    remote: "only in Discord",
    sending: "Files are being uploaded.",
    ready: (count) => (count === 1 ? "1 file is ready to send." : `${count} files are ready to send.`),
    // Why a file was refused, by reason or error code
    refused: {
      too_large: (size) => `Larger than ${size}`,
      proxy: "The proxy in front of this chat refuses files of this size",
      type: "Files of this type are not allowed here",
      mismatch: "Its content does not match its name",
      costly: "It is too complex to process",
      empty: "This file is empty",
      many: "You can send at most ten files",
      lost: "The connection was lost",
      slow: "It took too long",
      full: "There is no space for files right now",
      throttled: "Too many files at once. Please wait a moment",
      unavailable: "The server is busy",
      blocked: "You cannot write here",
      not_permitted: "Files are not allowed here",
      not_identified: "Please reload the page",
    },
    refusedOther: "It could not be uploaded",
  },

  // Why the team did not receive a message, by its `failure`
  failure: {
    unknown: "We do not know whether the team received this.",
    refused: "The team’s chat refused this message.",
    too_large: "It is too long for the team’s chat.",
    blocked_by_automod: "The team’s word filter blocked it.",
    blocked_link: "It contains a link that the team does not allow.",
  },
  failureOther: "The team did not receive this.",
};

/** “Ada”, “Ada and Bob”, “Ada and 3 others”. `more`: how many besides the named. */
function people(names, more = 0) {
  const others = names.length - 1 + more;
  if (!names.length) return more === 1 ? "1 person" : `${more.toLocaleString()} people`;
  if (!others) return names[0];
  if (others === 1 && !more) return `${names[0]} and ${names[1]}`;
  return `${names[0]} and ${others.toLocaleString()} other${others === 1 ? "" : "s"}`;
}

function duration(seconds) {
  if (seconds < 60) return seconds === 1 ? "second" : `${seconds} seconds`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return minutes === 1 ? "minute" : `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours === 1 ? "hour" : `${hours} hours`;
}
