// What is not as the round board was sent last -> the round board, which draws it. Nothing of it stands here.
const tell = () => dispatchEvent(new CustomEvent("studio:rounds", { detail: props.value || "" }));
watch("value", tell);
tell();
